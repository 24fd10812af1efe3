"""Changing an expert's entry."""

from __future__ import annotations

from coe_client.types import ExpertRecord
from orchestrator.admin.pages.experts import trial
from orchestrator.admin.pages.experts.adding import checked, stored_names
from orchestrator.admin.pages.experts.entry import Entry, concise
from orchestrator.admin.pages.experts.form import Form
from orchestrator.admin.pages.experts.versions import entry
from orchestrator.admin.parts.asking import go
from orchestrator.admin.session import View


async def draw(view: View, record: ExpertRecord) -> None:
    """Draw the tab.

    Args:
        view: Of whoever looks.
        record: The version in force, which the change is made to: if another is by then, it is refused.
    """
    form = Form(view, concise(entry(record)), fresh=False, secrets=await stored_names(view))

    async def check(changed: Entry) -> None:
        await checked(view, changed, fresh=False)

    async def save(changed: Entry) -> None:
        expert_id = record.expert.id
        stored = await view.client.experts.update(
            expert_id, changed, expected_version=record.version
        )
        where = f"tab=versions&from={record.version}&to={stored.version}"
        same = stored.version == record.version
        go(f"/admin/experts/{expert_id}" + ("" if same else f"?{where}"))

    form.buttons(save, check, "Save")
    trial.draw(view, form)
