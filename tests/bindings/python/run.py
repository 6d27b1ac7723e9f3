"""Runs pytest on the files that are given; ends with 77, CTest's "skipped", where no test could run."""

import sys

try:
    import pytest
except ImportError:
    print("Skipped: pytest is not installed for", sys.executable)
    sys.exit(77)


class Count:
    ran = 0

    def pytest_runtest_logreport(self, report):
        self.ran += report.when == "call" and not report.skipped


count = Count()
strict = "error::pytest.PytestUnhandledThreadExceptionWarning"
code = pytest.main(["-q", "-rs", "-W", strict, "-p", "no:cacheprovider", *sys.argv[1:]], plugins=[count])
sys.exit(77 if code == 0 and not count.ran else code)
