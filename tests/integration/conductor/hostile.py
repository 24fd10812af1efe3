"""Programs that mean harm, or do it by mistake, and a part of what is said of each.

``FILE`` stands for the path of a file that exists, ``FOLDER`` for the folder that holds it.
"""

from __future__ import annotations

_SHARED = "a = ['x' * 1000]\nfor _ in range(30): a = [a, a]\n"
"""A few kilobytes that would be gigabytes if written out."""

TIME = "may run for"
MEMORY = "of memory"
CLOSED = "not available here"
ERROR = "ended with an error"

FILES = (
    ("open('FILE').read()", CLOSED),
    ("open('FILE', 'w').write('x')", CLOSED),
    ("open('FOLDER/new', 'w').write('x')", CLOSED),
    ("with open('/etc/passwd') as f: print(f.read())", CLOSED),
    ("open('../../../../etc/passwd')", CLOSED),
    ("open(0).read()", "Error"),
    ("from pathlib import Path\nPath('FILE').read_text()", CLOSED),
    ("from pathlib import Path\nPath('FOLDER/new').write_text('x')", CLOSED),
    ("from pathlib import Path\nPath('FOLDER/new').mkdir()", CLOSED),
    ("from pathlib import Path\nPath('FILE').unlink()", CLOSED),
    ("from pathlib import Path\nprint(list(Path('FOLDER').iterdir()))", CLOSED),
    ("import os\nos.remove('FILE')", CLOSED),
    ("import os\nprint(os.listdir('FOLDER'))", CLOSED),
    ("import io\nio.open('FILE')", CLOSED),
    ("import shutil\nshutil.rmtree('FOLDER')", CLOSED),
    ("import tempfile\ntempfile.mkstemp()", CLOSED),
    ("import sqlite3\nsqlite3.connect('FOLDER/new')", CLOSED),
    ("import os\nprint(os.path.exists('FILE'))", ""),
)
NETWORK = (
    ("import socket\nsocket.create_connection(('127.0.0.1', 80))", CLOSED),
    ("import urllib.request\nurllib.request.urlopen('http://127.0.0.1')", CLOSED),
    ("import http.client\nhttp.client.HTTPConnection('127.0.0.1')", CLOSED),
    ("import requests\nrequests.get('http://127.0.0.1')", CLOSED),
    ("import asyncio\nasyncio.run(asyncio.open_connection('127.0.0.1', 80))", ERROR),
    ("import smtplib", CLOSED),
)
ENVIRONMENT = (
    ("import os\nprint(os.environ)", CLOSED),
    ("import os\nprint(os.getenv('MARKER_OF_THE_TEST'))", CLOSED),
    ("import os\nprint(os.environ['MARKER_OF_THE_TEST'])", CLOSED),
    ("import os\nos.system('env')", CLOSED),
    ("import os\nprint(os.getcwd())", ""),
    ("import os\nprint(os.uname())", CLOSED),
    ("import os\nprint(os.getpid())", CLOSED),
    ("import sys\nprint(sys.path)", ERROR),
    ("import sys\nprint(sys.modules)", ERROR),
    ("import sys\nprint(sys.argv)", ""),
    ("import getpass\ngetpass.getuser()", CLOSED),
    ("import platform\nprint(platform.node())", CLOSED),
)
IMPORTS = (
    ("import subprocess\nsubprocess.run(['true'])", CLOSED),
    ("import ctypes\nctypes.string_at(0)", CLOSED),
    ("import importlib\nimportlib.import_module('os')", CLOSED),
    ("import builtins\nbuiltins.open('FILE')", CLOSED),
    ("import pickle\npickle.loads(b'x')", CLOSED),
    ("import multiprocessing", CLOSED),
    ("import orchestrator", CLOSED),
    ("import pydantic_monty", CLOSED),
    ("__import__('os').system('touch FOLDER/new')", CLOSED),
    ("import os\nos.fork()", CLOSED),
    ("import os\nos._exit(1)", CLOSED),
    ("import os\nos.kill(1, 9)", CLOSED),
    ("import signal\nsignal.raise_signal(9)", CLOSED),
    ("import gc\ngc.get_objects()", CLOSED),
    ("import inspect\ninspect.stack()", CLOSED),
)
INTROSPECTION = (
    ("[].__class__.__base__.__subclasses__()", "AttributeError"),
    ("().__class__.__mro__", "AttributeError"),
    ("(lambda: 0).__globals__", "AttributeError"),
    ("(lambda: 0).__code__.co_consts", "AttributeError"),
    ("print.__self__", "AttributeError"),
    ("__builtins__", "NameError"),
    ("globals()", CLOSED),
    ("vars()", CLOSED),
    ("compile('1', '', 'eval')", CLOSED),
    ("eval(\"__import__('os')\")", CLOSED),
    ("exec(\"open('FILE')\")", CLOSED),
    ("getattr([], '__cl' + 'ass__')", "AttributeError"),
    ("'{0.__class__.__init__.__globals__}'.format([])", "Error"),
    ("try:\n    1 / 0\nexcept Exception as e:\n    print(e.__traceback__.tb_frame)", "Error"),
    ("breakpoint()", "NameError"),
)
MEMORY_BOMBS = (
    ("x = []\nwhile True: x.append('y' * 10**6)", MEMORY),
    ("'a' * 10**12", MEMORY),
    ("b'a' * 10**10", MEMORY),
    ("list(range(10**10))", MEMORY),
    ("10**10**10", MEMORY),
    ("1 << 10**11", MEMORY),
    ("x = 2\nwhile True: x = x * x", ""),
    ("'a'.join(['b'] * 10**9)", MEMORY),
    ("f'{0:{10**9}}'", MEMORY),
    ("'%1000000000d' % 1", MEMORY),
    ("'a'.zfill(10**10)", MEMORY),
    ("import itertools\nlist(itertools.permutations(range(15)))", MEMORY),
    ("import decimal\ndecimal.getcontext().prec = 10**9\nprint(decimal.Decimal(1) / 3)", MEMORY),
    ("d = {}\nfor i in range(10**9): d[i] = [i]", MEMORY),
    (f"{_SHARED}a", MEMORY),
    (f"{_SHARED}f'{{a}}'", MEMORY),
    (f"{_SHARED}print = lambda *_: a\nrepr = str = print\na", MEMORY),
    (f"{_SHARED}raise ValueError(a)", ""),
    (f"{_SHARED}assert False, a", MEMORY),
    ("['x' * 1000] * 10**6", MEMORY),
    ("[10**4000] * 10**5", ""),
)
TIME_BOMBS = (
    ("while True: pass", TIME),
    ("while True:\n    try:\n        while True: pass\n    except BaseException: pass", TIME),
    ("sum(range(10**13))", TIME),
    ("import time\ntime.sleep(60)", TIME),
    ("import asyncio\nasyncio.run(asyncio.sleep(1000))", TIME),
    ("def f():\n    try:\n        f()\n    finally:\n        f()\nf()", TIME),
    ("import math\nmath.factorial(10**7)", "was stopped"),
    ("while True: print('', end='')", TIME),
    ("import itertools\nfor _ in itertools.count(): pass", TIME),
    ("import re\nre.match('(a+)+$', 'a' * 50 + 'b')", ""),
)
DEPTH = (
    ("def f(n): return f(n)\nf(0)", "a loop"),
    ("f = lambda: f()\nf()", "a loop"),
    ("eval('(' * 100000)", "too deeply nested"),
    ("(" * 3000 + ")" * 3000, "too deeply nested"),
    ("-" * 15000 + "1", ""),
    ("import json\njson.loads('[' * 100000)", "recursion limit"),
    ("a = []\nfor _ in range(100000): a = [a]\na", "[[["),
    ("a = []\na.append(a)\na", "[[...]]"),
    ("class A:\n    def __eq__(s, o): return s == o\nA() == A()", "a loop"),
)
OUTPUT = (
    ("while True: print('spam' * 100)", "cut after"),
    ("print('x' * 10**7)", "printed more than"),
    ("'x' * 10**6", "cut after"),
    ("raise ValueError('x' * 10**6)", "[...]"),
    ("for i in range(10**6): print(i)", "cut after"),
    ("print('\\x00\\x1b[2J')", "\x1b"),
    ("class A:\n    def __repr__(s):\n        print('aside' * 10**5)\n        return 'A'\nA()", ""),
    ("class A:\n    def __repr__(s):\n        while True: print('aside')\nA()", ""),
    ("class A:\n    def __format__(s, x): return 3\n    def __repr__(s): return 3\nA()", ""),
)
ENDINGS = (
    ("import sys\nsys.exit(1)", "run to its end"),
    ("raise SystemExit", "SystemExit"),
    ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    ("raise BaseException('x')", "BaseException"),
    ("raise MemoryError('mine')", ERROR),
    ("raise TimeoutError('mine')", ERROR),
    ("\x00", "not valid Python"),
    ("print('\ud800')", "not valid Python"),
)
ALL = (
    *FILES,
    *NETWORK,
    *ENVIRONMENT,
    *IMPORTS,
    *INTROSPECTION,
    *MEMORY_BOMBS,
    *TIME_BOMBS,
    *DEPTH,
    *OUTPUT,
    *ENDINGS,
)
