"""The SDK's types name every field the service sends or takes, and none that it does not."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from coe_client import types
from experts.catalogue import expert as catalogue
from orchestrator import app as operations
from orchestrator.assignments import endpoints as assignments
from orchestrator.audit import endpoints as audit
from orchestrator.batches import schemas as batches
from orchestrator.catalogue import schemas
from orchestrator.feedback import schemas as feedback
from orchestrator.files import schemas as files
from orchestrator.jobs import schemas as jobs
from orchestrator.lessons import endpoints as lessons
from orchestrator.routers import endpoints as routers
from orchestrator.routers import schemas as router_schemas
from orchestrator.runs import schemas as runs
from orchestrator.runs.webhooks import schemas as webhooks
from orchestrator.tenants import schemas as tenants
from orchestrator.tenants.limits import schemas as limits
from orchestrator.usage import schemas as usage

PAIRS: list[tuple[type[BaseModel], type[BaseModel]]] = [
    (types.Expert, catalogue.Expert),
    (types.Endpoint, catalogue.Endpoint),
    (types.SecretRef, catalogue.SecretRef),
    (types.Price, catalogue.Price),
    (types.ExpertRecord, schemas.ExpertRecord),
    (types.KeyRecord, tenants.KeyView),
    (types.CreatedKey, tenants.NewKey),
    (types.TenantRecord, tenants.TenantView),
    (types.LimitsRecord, limits.LimitsView),
    (types.LimitUse, limits.LimitUse),
    (types.AuditEntry, audit.EntryView),
    (types.AuditHead, audit.Head),
    (types.SecretRecord, schemas.SecretView),
    (types.File, files.FileView),
    (types.FileDeleted, files.FileDeleted),
    (types.Batch, batches.BatchView),
    (types.BatchErrors, batches.BatchErrors),
    (types.BatchError, batches.BatchError),
    (types.BatchExtra, batches.BatchExtra),
    (types.RequestCounts, batches.RequestCounts),
    (types.BatchEstimate, batches.Estimate),
    (types.ExpertShare, batches.ExpertShare),
    (types.Job, jobs.JobView),
    (types.JobDetail, jobs.JobDetail),
    (types.JobProgress, jobs.Progress),
    (types.JobFailures, jobs.FailureCount),
    (types.JobRequeued, jobs.RequeueDone),
    (types.UsageRecord, usage.UsageDetail),
    (types.UsageSums, usage.UsageSums),
    (types.UsageGroup, usage.UsageGroup),
    (types.UsageReport, usage.UsageReport),
    (types.RequestContent, usage.RequestContent),
    (types.Run, runs.RunView),
    (types.RunDetail, runs.RunDetail),
    (types.RunStep, runs.StepView),
    (types.RunSpent, runs.Spent),
    (types.RunError, runs.RunError),
    (types.Strategy, assignments.StrategyView),
    (types.Assignment, assignments.AssignmentView),
    (types.Lesson, lessons.LessonView),
    (types.Webhook, webhooks.WebhookView),
    (types.CreatedWebhook, webhooks.NewWebhook),
    (types.WebhookDelivery, webhooks.DeliveryView),
    (types.RouterInfo, routers.RouterView),
    (types.Category, routers.CategoryView),
    (types.TriedVersion, routers.TriedView),
    (types.LoadFailure, router_schemas.LoadFailureView),
    (types.RouterVersion, router_schemas.RouterVersionView),
    (types.RouterVersionDetail, router_schemas.RouterVersionDetail),
    (types.InfeasibleBudget, router_schemas.InfeasibleView),
    (types.BudgetLimit, router_schemas.LimitView),
    (types.RouterComparison, router_schemas.ComparisonView),
    (types.RouterMove, router_schemas.MoveView),
    (types.Feedback, feedback.FeedbackView),
    (types.FeedbackRecord, feedback.FeedbackDetail),
    (types.Score, feedback.ScoreView),
    (types.Scores, feedback.Scores),
    (types.ContentChoice, feedback.ContentView),
    (types.ConfigValue, operations.SettingView),
    (types.Health, operations.Health),
]


@pytest.mark.parametrize(("client", "server"), PAIRS, ids=lambda kind: kind.__name__)
def test_fields_are_the_same(client: type[BaseModel], server: type[BaseModel]) -> None:
    assert set(client.model_fields) == set(server.model_fields)
