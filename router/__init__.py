"""Text in, routing decision out. Pure: no network, no database, no settings."""

from router.decision import (
    Candidate,
    CandidateView,
    NoEligibleExpert,
    RouteRequest,
    RoutingDecision,
    UnknownPolicy,
)
from router.embedding import Embedder, HashingEmbedder, StaticEmbedder
from router.expected import QualityModel
from router.mapping import POLICIES, Budget, InfeasibleBudget, Policy
from router.memory import EpisodicMemory
from router.pool import CandidatePool
from router.router import Router, build_router, starter_router
from router.taxonomy import Category, InvalidTaxonomy, Taxonomy, load_taxonomy, starter_taxonomy
from router.text import RoutingText, routing_text

__all__ = [
    "POLICIES",
    "Budget",
    "Candidate",
    "CandidatePool",
    "CandidateView",
    "Category",
    "Embedder",
    "EpisodicMemory",
    "HashingEmbedder",
    "InfeasibleBudget",
    "InvalidTaxonomy",
    "NoEligibleExpert",
    "Policy",
    "QualityModel",
    "RouteRequest",
    "Router",
    "RoutingDecision",
    "RoutingText",
    "StaticEmbedder",
    "Taxonomy",
    "UnknownPolicy",
    "build_router",
    "load_taxonomy",
    "routing_text",
    "starter_router",
    "starter_taxonomy",
]
