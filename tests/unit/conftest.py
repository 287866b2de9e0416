"""What several rooms' tests read; made when the first of them asks for it."""

import pytest


@pytest.fixture(scope="session")
def ground(tmp_path_factory):
    """A folder with two tiny hosts, a dataset, and modules trained on it; see ``tests.ground``."""
    from tests.ground import prepare_ground

    folder = tmp_path_factory.mktemp("ground")
    prepare_ground(folder)
    return folder
