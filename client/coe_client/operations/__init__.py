"""Every operation of the API as a :class:`~coe_client.requests.Request`, by subject.

The one place that knows paths, methods and bodies; the client for threads and the one for coroutines send what
is built here.
"""
