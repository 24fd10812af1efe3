"""Redis keys that change together, so named that they are in one hash slot.

A script or a batch of a Redis Cluster may touch the keys of one slot alone, and the slot is that of
what stands in braces (redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec, "Hash tags").
A request's note and its reservation change in one step, and its record with them, so the stream of usage,
the requests under way and the counters of limits belong together; all other keys stand alone. A test
watches what is sent.
"""

from __future__ import annotations

USAGE = "coe:usage"
"""The stream of usage, whose slot it is."""


def beside_usage(kind: str, name: str) -> str:
    """Return a key in the slot of the stream of usage.

    Args:
        kind: What it is.
        name: Whose it is.
    """
    return f"coe:{kind}:{{{USAGE}}}:{name}"
