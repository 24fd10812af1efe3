"""The kinds of jobs that operators start, put together."""

from __future__ import annotations

from experts.calling.call import ExpertCaller
from orchestrator.catalogue.service import CatalogueService
from orchestrator.feedback.service import FeedbackService
from orchestrator.files.service import FileService
from orchestrator.job_kinds import evaluation, export, training
from orchestrator.job_kinds.asking import Questioner
from orchestrator.job_kinds.evaluation import EvaluationKind
from orchestrator.job_kinds.export import ExportKind
from orchestrator.job_kinds.training import TrainingKind
from orchestrator.kit.settings import Settings
from orchestrator.routers.lifecycle import RouterVersions


def build_job_kinds(
    settings: Settings,
    files: FileService,
    feedback: FeedbackService,
    versions: RouterVersions,
    caller: ExpertCaller,
    catalogue: CatalogueService,
) -> dict[str, ExportKind | TrainingKind | EvaluationKind]:
    """Return the kinds by their names.

    Args:
        settings: The settings.
        files: Keeps what is uploaded, and what jobs make.
        feedback: What callers thought of answers.
        versions: Of the router.
        caller: Calls experts.
        catalogue: Of experts.
    """
    questioner = Questioner(caller, catalogue, settings.request_timeout)
    return {
        export.KIND: ExportKind(files),
        training.KIND: TrainingKind(files, feedback, versions, settings.embedders_dir),
        evaluation.KIND: EvaluationKind(files, questioner),
    }
