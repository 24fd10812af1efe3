"""An expert's life, as an operator leads it: added, tried, changed, taken back, deleted."""

from __future__ import annotations

from tests.e2e.admin.conftest import Browse, settled


async def test_an_expert_is_added_tried_changed_rolled_back_and_deleted(browse: Browse) -> None:
    async with browse("/add-expert?provider=scripted") as page:
        await page.get_by_label("Id *").fill("Not An Id")
        await page.get_by_label("Script", exact=True).fill("fixed:Hello from a script.")
        await page.get_by_role("button", name="Check").click()
        await page.get_by_text("lower-case letters, digits").wait_for()
        await page.get_by_label("Id *").fill("led-by-hand")
        await page.get_by_role("tab", name="YAML").click()
        text = page.get_by_label("The entry as YAML")
        await text.fill(await text.input_value() + "tags: [of-a-test]\n")
        await page.get_by_role("button", name="Try it").click()
        await page.get_by_text("Hello from a script.").wait_for()
        await page.get_by_role("button", name="Add the expert").click()
        await page.wait_for_url("**/experts/led-by-hand?tab=try")

        await page.get_by_label("Message").press("Control+Enter")
        await page.get_by_text("Hello from a script.").wait_for()
        await page.get_by_text("Whole answer").wait_for()

        await page.get_by_role("link", name="Edit").click()
        await page.get_by_label("Price of input").fill("1.5")
        await page.get_by_role("button", name="Save").click()
        await page.wait_for_url("**tab=versions**")
        await page.get_by_role("cell", name="price.input", exact=True).wait_for()
        await page.get_by_role("button", name="Go back to version 1").click()
        await page.get_by_role("button", name="Go back", exact=True).click()
        await page.get_by_text("price.input removed").wait_for()

        await page.get_by_role("button", name="Delete").click()
        await page.get_by_role("button", name="Delete it").click()
        await page.wait_for_url("**/admin/experts")
        await settled(page)
        await page.get_by_label("Search experts").fill("led-by-hand")
        await page.get_by_text("Nothing matches").wait_for()
