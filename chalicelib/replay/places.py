"""Where imports and replays keep what they know.

partition            sort             holds
imports#{space}      {import}         Import
reports#{space}      {import}         Report, once the import is through
imported#{space}     {source}#{hash}  Claim of the task that takes in this file through this source
replays#{target}     {replay}         Replay
"""

from ..records import Key


def uploads(space_id: str) -> str:
    """The prefix of the archive under which files to import lie."""
    return f"imports/{space_id}/"


def imports(space_id: str) -> str:
    return f"imports#{space_id}"


def import_key(space_id: str, import_id: str) -> Key:
    return Key(imports(space_id), import_id)


def report_key(space_id: str, import_id: str) -> Key:
    return Key(f"reports#{space_id}", import_id)


def imported_key(space_id: str, source_id: str, digest: str) -> Key:
    return Key(f"imported#{space_id}", f"{source_id}#{digest}")


def replays_key(target_id: str) -> Key:
    return Key(f"replays#{target_id}", "ranges")


def replay_target(space_id: str, replay_id: str) -> Key:
    return Key(f"replay#{space_id}", replay_id)
