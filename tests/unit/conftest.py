"""What several rooms' tests read; made when the first of them asks for it."""

import sys

import pytest


@pytest.fixture(autouse=True)
def one_thread():
    """One thread for every test that uses torch: the number of threads moves the last bit, and cores are few."""
    if (torch := sys.modules.get("torch")) is None:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def ground(tmp_path_factory):
    """A folder with two tiny hosts, a dataset, and modules trained on it; see ``tests.ground``."""
    from tests.ground import prepare_ground

    folder = tmp_path_factory.mktemp("ground")
    prepare_ground(folder)
    return folder
