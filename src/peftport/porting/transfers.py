"""Whether modules can be copied in every transfer of a study, from the hosts' cards, before anything is trained."""

from typing import Any

from peftport.porting.compatibility import differences, notes


def check_transfers(transfers: list[dict[str, str]], cards: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Check that plain copying is possible in every transfer.

    Args:
        transfers: ``source`` and ``target``, names of hosts.
        cards: cards of the hosts by name.

    Returns:
        The transfers with their ``notes``: differences that do not keep a module out but that a reader should know of.

    Raises:
        ValueError: it is not possible in some; the message names each of them with all that differs.
    """
    pairs = [(cards[one["source"]], cards[one["target"]]) for one in transfers]
    refused = [
        f"a module cannot be copied {source['host']} -> {target['host']}: the hosts differ in\n  " + "\n  ".join(found)
        for source, target in pairs
        if (found := differences(source, target))
    ]
    if refused:
        raise ValueError("\n".join(refused))
    return [one | {"notes": notes(source, target)} for one, (source, target) in zip(transfers, pairs, strict=True)]
