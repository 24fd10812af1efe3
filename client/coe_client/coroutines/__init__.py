"""The client for coroutines, group by group. The one for threads is written from it by ``sync_from_async.py``."""
