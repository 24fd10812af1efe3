"""What vendors call the columns of their exports. Data.

Where a vendor documents them, the page is named; the others are as their consoles wrote them in 2026.
Names are compared without case, spaces and signs, so ``lineItem/UsageStartDate`` of Amazon's older
report and ``line_item_usage_start_date`` of its newer one are the same.

The clouds' meters and SKUs are not names of models, so their invoices are compared by day alone,
unless ``--column model=NAME`` says which column is worth a try.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

Vendor = Literal["openai", "anthropic", "aws", "azure", "google", "focus", "generic"]
VENDORS: tuple[Vendor, ...] = (
    "openai", "anthropic", "aws", "azure", "google", "focus", "generic",
)  # fmt: skip
FIELDS = (
    "day", "model", "cost", "currency", "input_tokens", "output_tokens", "tokens", "unit", "requests",
)  # fmt: skip
"""What a column may hold. ``tokens`` count where ``unit`` says that it is tokens, or nothing does."""
REQUIRED = ("day", "cost")

NAMES: Mapping[Vendor, Mapping[str, tuple[str, ...]]] = {
    # Usage dashboard, view "Cost", button "Export", grouped by line item: a line is a model and a kind
    # of token, "gpt-5-nano, input_tokens". The view "Activity" has no costs.
    # https://help.openai.com/en/articles/8554956-understanding-your-api-usage
    "openai": {
        "day": ("start_time_iso", "start_time"),
        "model": ("line_item",),
        "cost": ("amount_value",),
        "currency": ("amount_currency",),
        "tokens": ("quantity",),
        "unit": ("quantity_unit",),
    },
    # Console, page "Cost", export. The page "Usage" has tokens and no costs.
    # https://support.claude.com/en/articles/9534590-cost-and-usage-reporting-in-the-claude-console
    "anthropic": {
        "day": ("usage_date_utc",),
        "model": ("model",),
        "cost": ("cost_usd",),
    },
    # Cost and Usage Report, as CSV; also CUR 2.0.
    # https://docs.aws.amazon.com/cur/latest/userguide/Lineitem-columns.html
    "aws": {
        "day": ("line_item_usage_start_date",),
        "cost": ("line_item_unblended_cost",),
        "currency": ("line_item_currency_code",),
    },
    # Cost details of a Microsoft Customer or Enterprise Agreement, and of pay-as-you-go.
    # https://learn.microsoft.com/azure/cost-management-billing/automate/understand-usage-details-fields
    "azure": {
        "day": ("date", "usage_date_time"),
        "cost": ("cost_in_usd", "cost_in_billing_currency", "cost", "pre_tax_cost"),
        "currency": ("billing_currency_code", "billing_currency", "currency"),
    },
    # Export to BigQuery, saved as CSV; and the console's cost table.
    # https://docs.cloud.google.com/billing/docs/how-to/export-data-bigquery-tables/standard-usage
    # https://docs.cloud.google.com/billing/docs/how-to/cost-table
    "google": {
        "day": ("usage_start_time", "usage_start_date"),
        "cost": ("cost",),
        "currency": ("currency",),
    },
    # What several vendors and all three clouds export beside their own formats.
    # https://focus.finops.org/focus-specification/v1-2
    "focus": {
        "day": ("ChargePeriodStart",),
        "cost": ("BilledCost",),
        "currency": ("BillingCurrency",),
        "tokens": ("ConsumedQuantity",),
        "unit": ("ConsumedUnit",),
    },
    "generic": {
        "day": ("day", "date", "usage_date", "start_time", "timestamp", "time", "period"),
        "model": ("model", "line_item", "sku", "description", "item", "product"),
        "cost": ("cost_usd", "cost", "amount", "amount_value", "total", "charge", "usd"),
        "currency": ("currency", "amount_currency"),
        "input_tokens": ("input_tokens", "prompt_tokens"),
        "output_tokens": ("output_tokens", "completion_tokens"),
        "tokens": ("total_tokens", "tokens"),
        "requests": ("requests", "calls", "num_requests"),
    },
}  # fmt: skip


def plain(name: str) -> str:
    """Return the name of a column as it is compared."""
    return re.sub(r"[^a-z0-9]+", "", name.lower())
