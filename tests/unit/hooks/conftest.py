from tests.unit.mocked_iqm import audience_file, hook, iqm  # noqa: F401
