// The main of every test executable. It ends with 77 where nothing failed but something was skipped, which
// CTest lists as skipped; a filter that chooses no test is a failure, for CTest's list is made from the
// sources.
#include <gtest/gtest.h>

#include <cstdio>

static constexpr int skipped = 77;

int main(int argc, char** argv) {
    testing::InitGoogleTest(&argc, argv);
    const bool lists = testing::GTEST_FLAG(list_tests);
    const int result = RUN_ALL_TESTS();
    const testing::UnitTest& all = *testing::UnitTest::GetInstance();
    if (result != 0 || lists) return result;
    if (all.test_to_run_count() == 0) {
        std::fprintf(stderr, "No test has a name that matches the filter.\n");
        return 1;
    }
    return all.skipped_test_count() > 0 ? skipped : 0;
}
