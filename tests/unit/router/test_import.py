"""Importing the router does nothing heavy."""

import json
import subprocess
import sys

PROBE = """
import json, sys, threading
import numpy
def tasks():
    try:
        import os
        return len(os.listdir("/proc/self/task"))
    except OSError:
        return threading.active_count()
before, had = tasks(), set(sys.modules)
import router
print(json.dumps({"modules": sorted(set(sys.modules) - had), "threads": tasks() - before}))
"""
HEAVY = {
    *("scipy", "sklearn", "torch", "pandas", "onnxruntime", "sentence_transformers", "wordllama"),
    *("tokenizers", "safetensors", "yaml", "pydantic", "httpx", "aiohttp", "sqlalchemy", "asyncio"),
    *("experts", "orchestrator", "coe_client", "litellm", "redis"),
}


def test_importing_the_router_is_light_and_starts_no_thread() -> None:
    done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert "router.router" in found["modules"]
    assert not {name.split(".")[0] for name in found["modules"]} & HEAVY
    assert found["threads"] == 0
