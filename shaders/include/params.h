// Push constants declared once for both languages: in GLSL a push-constant block, in C++ a struct of the same layout.
//     PARAMS(FillParams)
//         uint count;
//         float value;
//     PARAMS_END
// Members are uint, int and float alone, so that the two layouts cannot differ; at most 128 bytes.
#ifndef LEMNOS_PARAMS_H
#define LEMNOS_PARAMS_H

#ifdef __cplusplus
#include <cstdint>
namespace lemnos::shader {
using uint = uint32_t;
}
#define PARAMS(name)                                                                                                   \
    namespace lemnos::shader {                                                                                         \
    struct name {
#define PARAMS_END                                                                                                     \
    }                                                                                                                  \
    ;                                                                                                                  \
    }
#else
#define PARAMS(name) layout(push_constant) uniform name {
#ifndef OPERAND_ADDRESSES // addressed.glsl
#define OPERAND_ADDRESSES
#endif
#define PARAMS_END                                                                                                     \
    OPERAND_ADDRESSES                                                                                                  \
    }                                                                                                                  \
    ;
#endif

#endif
