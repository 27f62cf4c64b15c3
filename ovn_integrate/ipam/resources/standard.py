"""The attributes that all things of Neutron's API have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

DEFAULT_PROJECT = "fake_project_id"
"""Whose things are when a request names nobody, as a Neutron without Keystone has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standard:
    """What every thing of the API has (Neutron: ``standard-attr``)."""

    id: str
    name: str = ""
    project_id: str = DEFAULT_PROJECT
    description: str = ""
    tags: tuple[str, ...] = ()
    created_at: str = ""
    updated_at: str = ""
    revision_number: int = 1
    owner: str = ""
    """Who made it, as ``ownership`` writes it; empty where nobody asked by name."""
    marks: tuple[tuple[str, str], ...] = ()
    """Whose its tags of Docker's networks are: an owner and a tag. No body shows or sets either."""

    @property
    def tenant_id(self) -> str:
        return self.project_id

    def standard(self) -> dict[str, Any]:
        return {
            "description": self.description,
            "tags": list(self.tags),
            "created_at": self.created_at,
            "updated_at": self.updated_at,
            "revision_number": self.revision_number,
        }
