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
from router.mapping import POLICIES, Policy
from router.pool import CandidatePool
from router.router import Router, build_router, starter_router
from router.taxonomy import Category, InvalidTaxonomy, Taxonomy, load_taxonomy, starter_taxonomy
from router.text import RoutingText, routing_text

__all__ = [
    "POLICIES",
    "Candidate",
    "CandidatePool",
    "CandidateView",
    "Category",
    "Embedder",
    "HashingEmbedder",
    "InvalidTaxonomy",
    "NoEligibleExpert",
    "Policy",
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
