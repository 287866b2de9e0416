"""What a saved calibration lets expect of an adapter that would be copied: from the weights of both hosts."""

from dataclasses import asdict, replace

import pandas as pd

from peftport.adapters.by_map import card_of
from peftport.adapters.case import Case
from peftport.adapters.folder import AdapterError
from peftport.adapters.verdict import COPIED, Reason, Report
from peftport.distances.weights import weight_distances
from peftport.maps.pair import End
from peftport.prediction.calibration import Calibration, expectation
from peftport.prediction.moves import host_measures


def expecting(report: Report, case: Case, by: Calibration) -> Report:
    """The report with what to expect of a plain copy; as it is where the verdict is against one.

    Raises:
        HostFilesError: weights of a host cannot be read.
    """
    if case.old is None or report.verdict not in COPIED:
        return report
    try:
        ends = [End(card_of(host), host) for host in (case.old, case.new)]
    except AdapterError as error:
        return replace(report, reasons=(*report.reasons, Reason("expected", "same", f"not told: {error}")))
    found = pd.DataFrame(weight_distances(*ends), columns=["measure", "site_kind", "value", "chance"])
    told = expectation(by, host_measures(found.assign(technique="none")))
    measured = report.measured | {"expectation": asdict(told)}
    return replace(report, reasons=(*report.reasons, Reason("expected", "same", told.line)), measured=measured)
