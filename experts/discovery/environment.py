"""Experts for the vendor keys that an environment holds."""

from __future__ import annotations

from collections.abc import Mapping

from experts.catalogue.expert import Endpoint, Expert, Price, SecretRef
from experts.discovery.price_list import listed_price
from experts.discovery.slugs import slug
from experts.discovery.vendors import VENDORS, Model, Vendor

_OWN_KEYS = "sk-coe-"


def key_of(vendor: Vendor, environ: Mapping[str, str]) -> str | None:
    """Return the name of the variable that holds this vendor's key, if any does.

    A key of a service like this one, put there to point clients at it, is not a vendor's.
    """
    for name in vendor.keys:
        key = environ.get(name, "").strip()
        if key and not key.startswith(_OWN_KEYS):
            return name
    return None


def vendor_experts(environ: Mapping[str, str]) -> dict[str, list[Expert]]:
    """Return the experts of every vendor whose key is there, by the variable that holds it."""
    found: dict[str, list[Expert]] = {}
    for vendor in VENDORS:
        key = key_of(vendor, environ)
        if key is not None:
            found[key] = [_expert(vendor, model, key) for model in vendor.models]
    return found


def _expert(vendor: Vendor, model: Model, key: str) -> Expert:
    endpoint = Endpoint(url=vendor.url, api_key=SecretRef(env=key))
    active, total = model.parameters or (None, None)
    return Expert.model_validate(
        {
            "id": slug(vendor.id, model.name.rpartition("/")[2]),
            "name": f"{model.name} at {vendor.name}",
            "provider": "openai" if vendor.url else "litellm",
            "model": model.name if vendor.url else f"{vendor.litellm}/{model.name}",
            "endpoints": (endpoint,),
            "capabilities": model.capabilities,
            "context_window": model.context,
            "price": listed_price(model.priced_as) or _stated_price(model),
            "active_parameters": active,
            "total_parameters": total,
            "tags": {"general"},
        }
    )


def _stated_price(model: Model) -> Price:
    """Return the price of a model that is not in the list, or whose list is not here."""
    return Price(
        input=model.price[0],
        output=model.price[1],
        cached_input=model.cached,
        cache_write=model.cache_write,
    )
