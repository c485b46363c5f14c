"""Too little room is told before long work, with the figures and the way round."""

import shutil

import pytest

from galaxiesml.catalog import settings
from galaxiesml.errors import ResourceError


def test_no_room_on_disk(tmp_path):
    free = shutil.disk_usage(tmp_path).free
    with pytest.raises(ResourceError) as refusal:
        settings.check_space(tmp_path, 2 * free)
    assert "GB free" in str(refusal.value) and "--force" in refusal.value.hint
    settings.check_space(tmp_path, 2 * free, force=True)
    settings.check_space(tmp_path, 1)


def test_too_little_memory():
    with pytest.raises(ResourceError) as refusal:
        settings.check_memory(10**18)
    assert "GB of memory" in str(refusal.value) and refusal.value.exit_code == 8
    settings.check_memory(10**18, force=True)
    settings.check_memory(1)
