"""Which exceptions are the machine's refusals, and which are faults that must not be told as one."""

import errno

import duckdb
import pytest

from galaxiesml.errors import CatalogError, InputError, ResourceError
from galaxiesml.system.refusals import refusal


def raised(function) -> BaseException:
    with pytest.raises(Exception) as found:
        function()
    return found.value


def fault_where_a_file_is_optional():
    try:
        open("/no/such/file")  # noqa: SIM115
    except FileNotFoundError:
        None.strip()  # type: ignore[attr-defined]


def fault_that_hides_what_came_before():
    try:
        raise OSError(errno.ENOSPC, "No space left on device", "/disk/x")
    except OSError:
        raise KeyError("band") from None


def error_of_a_file():
    try:
        open("/no/such/file")  # noqa: SIM115
    except FileNotFoundError as error:
        raise RuntimeError("the map cannot be made") from error


def full_disk_in_a_handler():
    try:
        raise OSError(errno.ENOSPC, "No space left on device", "/disk/x")
    except OSError:
        {}["after"]


def test_a_fault_after_an_absent_file_stays_a_fault():
    assert refusal(raised(fault_where_a_file_is_optional)) is None
    assert refusal(raised(fault_that_hides_what_came_before)) is None


def test_an_absent_file_that_is_the_cause_is_named():
    found = refusal(raised(error_of_a_file))
    assert isinstance(found, InputError) and str(found) == "/no/such/file does not exist."


def test_a_full_disk_is_told_though_its_handling_failed():
    assert isinstance(refusal(raised(full_disk_in_a_handler)), ResourceError)


def test_words_of_the_system_in_an_error_of_something_else():
    assert refusal(ValueError("column 'x': Is a directory of things")) is None
    found = refusal(duckdb.IOException('Could not write file "/disk/x": No space left on device'))
    assert isinstance(found, ResourceError) and "/disk/x" in str(found)


def test_what_may_not_be_written_is_named_by_its_catalogue(tmp_path):
    found = refusal(PermissionError(errno.EACCES, "Permission denied"), tmp_path)
    assert isinstance(found, CatalogError) and str(tmp_path) in str(found)
