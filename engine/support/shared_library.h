// A shared library opened at run time (the Vulkan loader is never linked).
#pragma once

namespace lemnos {

class SharedLibrary {
  public:
    // Tries the names in order; is empty when none opens.
    SharedLibrary(const char* const* names, int count);
    ~SharedLibrary();
    SharedLibrary(const SharedLibrary&) = delete;
    SharedLibrary& operator=(const SharedLibrary&) = delete;

    explicit operator bool() const { return handle_ != nullptr; }
    void* symbol(const char* name) const;

  private:
    void* handle_ = nullptr;
};

} // namespace lemnos
