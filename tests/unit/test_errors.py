"""Exit codes and HTTP statuses: the table that users and clients rely on."""

from __future__ import annotations

import pytest

from ovn_integrate import errors

TABLE = {
    errors.Error: (1, 500),
    errors.Invalid: (2, 400),
    errors.NotConfigured: (3, 503),
    errors.DatabaseUnavailable: (4, 503),
    errors.NotFound: (5, 404),
    errors.Conflict: (6, 409),
    errors.CommandFailed: (7, 500),
    errors.ServiceFailed: (8, 502),
    errors.NotPermitted: (9, 403),
    errors.Unhealthy: (10, 500),
}


@pytest.mark.parametrize(("kind", "codes"), TABLE.items(), ids=lambda v: getattr(v, "__name__", ""))
def test_each_kind_has_its_codes(kind: type[errors.Error], codes: tuple[int, int]) -> None:
    assert (kind.exit_code, kind.status) == codes


def test_every_error_is_of_one_of_these_kinds_or_a_kind_of_one() -> None:
    def below(kind: type[errors.Error]) -> list[type[errors.Error]]:
        return [kind, *(one for sub in kind.__subclasses__() for one in below(sub))]

    for kind in below(errors.Error):
        assert (kind.exit_code, kind.status) in TABLE.values(), kind


def test_an_error_is_one_line_of_subject_event_and_hint() -> None:
    error = errors.NotConfigured("external_ids:ipam", "is not set", "ovn-integrate set-ipam A")
    assert str(error) == "external_ids:ipam: is not set; ovn-integrate set-ipam A"
    assert str(errors.Conflict("port db", "exists")) == "port db: exists"
