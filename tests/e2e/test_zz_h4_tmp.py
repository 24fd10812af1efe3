from pathlib import Path
from tests.e2e.test_fuzz import _run_schemathesis, fuzzed  # noqa
from tests.e2e.conftest import *  # noqa
def test_mine(fuzzed, tmp_path):
    _run_schemathesis(fuzzed, tmp_path, "--include-path-regex=^/(admin/api/(sessions|budgets|keys|tenants|audit|limits|me)|login/(key|ways|logout))", "--max-examples=12")
