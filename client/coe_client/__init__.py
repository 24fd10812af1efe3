"""Python client for a composition-of-experts service.

::

    from coe_client import Coe

    with Coe() as client:
        answer = client.chat.create("What is 17 * 23?")
        print(answer.text, answer.route.expert)
"""

from coe_client import types
from coe_client.coroutines.client import AsyncCoe
from coe_client.errors import (
    APIConnectionError,
    APIResponseInvalidError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    BudgetExceededError,
    CoeError,
    ConflictError,
    ExpertFailedError,
    ExpertTimedOutError,
    NotFoundError,
    NotReadyError,
    PermissionDeniedError,
    RateLimitError,
    RequestTooLargeError,
    ServerError,
    WebhookInvalidError,
)
from coe_client.paging import AsyncPages, Pages
from coe_client.raw import RawResponse
from coe_client.settings import Timeouts
from coe_client.streaming import (
    AsyncChatStream,
    AsyncMessageStream,
    AsyncResponseStream,
    ChatStream,
    MessageStream,
    ResponseStream,
)
from coe_client.threads.client import Coe

__version__ = "0.1.0"

__all__ = [
    "APIConnectionError",
    "APIResponseInvalidError",
    "APIStatusError",
    "APITimeoutError",
    "AsyncChatStream",
    "AsyncCoe",
    "AsyncMessageStream",
    "AsyncPages",
    "AsyncResponseStream",
    "AuthenticationError",
    "BadRequestError",
    "BudgetExceededError",
    "ChatStream",
    "Coe",
    "CoeError",
    "ConflictError",
    "ExpertFailedError",
    "ExpertTimedOutError",
    "MessageStream",
    "NotFoundError",
    "NotReadyError",
    "Pages",
    "PermissionDeniedError",
    "RateLimitError",
    "RawResponse",
    "RequestTooLargeError",
    "ResponseStream",
    "ServerError",
    "Timeouts",
    "WebhookInvalidError",
    "types",
]
