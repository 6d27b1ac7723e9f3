// Each activation and its gradient against the references.
#include "ops/harness.h"
#include "reference/elementwise.h"

namespace lemnos::test {

struct ActivationOps : OpTest {};

TEST_F(ActivationOps, MatchTheReferences) {
    for (const reference::Activation& f : reference::activations())
        for (const Shape& shape :
             {Shape{}, Shape{1}, Shape{3, 5}, Shape{65}, Shape{129, 3}, Shape{2, 7, 257}}) {
            SCOPED_TRACE(text(f.name, " of ", to_string(shape)));
            const OpCase activation{f.name, {random.with_edges(shape)}};
            const Tensor& x = activation.inputs[0].value;
            const Tensor dy = random.uniform(shape);
            // f32 has 24 bits; exp is allowed some units in the last place by Vulkan (3 + 2|x| ulp for |x| up
            // to 8), and results near 0 of tanh lose what 1 - exp(..) cancels: an absolute error of one unit
            // of 1.
            expect_near_elementwise(run(activation), reference::activate(f, x), 4e-6, 2.5e-7);
            expect_near_elementwise(run_gradients(activation, dy, {0})[0],
                                    reference::activate_backward(f, x, dy), 4e-6, 1e-6);
        }
}

} // namespace lemnos::test
