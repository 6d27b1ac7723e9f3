#include "support/shared_library.h"

#include <dlfcn.h>

namespace lemnos {

SharedLibrary::SharedLibrary(const char* const* names, int count) {
    for (int i = 0; i < count && !handle_; ++i) handle_ = dlopen(names[i], RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
}

SharedLibrary::~SharedLibrary() {
    if (handle_) dlclose(handle_); // RTLD_NODELETE: drivers that are unloaded while their threads live crash at exit
}

void* SharedLibrary::symbol(const char* name) const { return handle_ ? dlsym(handle_, name) : nullptr; }

} // namespace lemnos
