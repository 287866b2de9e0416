"""Scores along a dial: points and slopes whose truth is known, what cannot be told, and how often the trend errs."""

import numpy as np
import pytest

from benchmarks.simulated_answers import answers_of, mean_on_logits, spread_on_logits
from peftport.report.dials import along_dials
from peftport.report.facts import Cost, StudyFacts
from peftport.report.page import write_report
from peftport.statistics.dials import ONE_POINT, WITHOUT_ONE, dials, trend
from peftport.statistics.example_scores import Answers
from peftport.statistics.families import ALPHA, holm
from peftport.statistics.intervals import estimate, total
from peftport.storage.parquet import read_table, write_table
from tests.simulated import Design, failing, statistics, study

VALUES = [0.0, 10.0, 100.0, 1000.0]
HOSTS = [f"v{value:.0f}" for value in VALUES]
PLACES = [float(np.log10(1 + value)) for value in VALUES]
FALLING = dict(zip(HOSTS, (0.95, 0.9, 0.8, 0.7), strict=True))
DIAL = {"columns": ["target_host"], "points": dict(zip(HOSTS, VALUES, strict=True)), "places": PLACES}
DIAL |= {"label": "steps", "scale": "log"}


def design(**more):
    """Two techniques along four hosts: ported adapters fall, ported LoRA stays."""

    def accuracy(technique, source, target, start, budget):
        return 0.5 if start != "ported" else FALLING[target] if technique == "adapters" else 0.8

    routes = tuple(("raw", host) for host in HOSTS)
    usual = {"transfers": routes, "budgets": (0, 25), "initialisations": ("ported",), "seeds": (0, 1, 2, 3, 4)}
    return Design(**usual | {"accuracy": accuracy, "examples": 200, "seed_deviation": 0.01} | more)


def along(made, dial=DIAL):
    return dials(made.runs, made.predictions, {"intensity": dial})


@pytest.fixture(scope="module")
def made():
    return study(design())


def test_points_are_means_and_the_slope_is_that_of_the_line_through_them(made, tmp_path):
    table = along(made)
    write_table(tmp_path / "dials.parquet", table, "dials")
    table = read_table(tmp_path / "dials.parquet", "dials")
    ported = table[(table["initialisation"] == "ported") & (table["baseline"] == "none") & (table["budget_steps"] == 0)]
    means = made.runs[made.runs["budget_steps"] == 0].groupby(["technique", "target_host"])["score"].mean()
    for technique, curve in ported.groupby("technique"):
        assert curve["value"].tolist() == VALUES and curve["place"].tolist() == PLACES
        expected = [means[technique, host] for host in HOSTS]
        assert curve["mean"].to_numpy() == pytest.approx(expected)
        assert curve["slope"].unique() == pytest.approx([np.polyfit(PLACES, expected, 1)[0]])
        assert curve["low"].le(curve["mean"]).all() and curve["slope_low"].le(curve["slope"]).all()
    outcomes = ported.drop_duplicates("technique").set_index("technique")
    assert outcomes["outcome"].to_dict() == {"adapters": "falls", "lora": "no_trend"}
    assert outcomes["p_value_holm"].tolist() == pytest.approx(holm(outcomes["p_value"]))


def test_native_and_bare_stand_beside_the_smallest_budget_and_bare_has_no_seeds(made):
    table = along(made)
    kinds = table.groupby("budget_steps")["initialisation"].unique().map(set).to_dict()
    assert kinds == {0: {"ported", "native", "bare"}, 25: {"ported"}}
    bare = table[table["initialisation"] == "bare"]
    assert set(bare["outcome"]) == {"cannot_tell"} and bare["slope"].isna().all() and set(bare["seeds"]) == {1}
    short = table[(table["baseline"] == "native") & (table["budget_steps"] == 0) & (table["technique"] == "adapters")]
    native = table[(table["initialisation"] == "native") & (table["technique"] == "adapters")]
    whole = table[(table["initialisation"] == "ported") & (table["baseline"] == "none") & (table["budget_steps"] == 0)]
    whole = whole[whole["technique"] == "adapters"]["mean"].to_numpy()
    assert short["mean"].to_numpy() == pytest.approx(whole - native["mean"].to_numpy())


WHY = {
    "2 points, and a trend needs 3": (design(), {"points": {"v0": 0.0, "v10": 10.0}, "places": PLACES[:2]}),
    "fewer than 2 seeds that all points have": (design(seeds=(0,)), {}),
    "points have different numbers of moves": (
        design(transfers=(*(("raw", host) for host in HOSTS), ("other", HOSTS[0]))),
        {},
    ),
}


@pytest.mark.parametrize("why", WHY)
def test_what_cannot_be_told_is_not_tested_and_the_report_says_why(why):
    made, more = WHY[why]
    table = along(study(made), DIAL | more)
    ported = table[table["initialisation"] == "ported"]
    assert set(ported["outcome"]) == {"cannot_tell"} and set(ported["why_not"]) == {why}
    assert ported["p_value"].isna().all() and ported["p_value_holm"].isna().all()
    assert all(f"({why})" in sentence for sentence in along_dials({"dials": table}))


def test_a_point_whose_runs_failed_is_left_out_and_so_is_a_seed_that_one_point_lacks():
    whole = study(design())
    table = along(failing(whole, target_host=["v10"], initialisation=["ported"]))
    ported = table[(table["initialisation"] == "ported") & (table["baseline"] == "none")]
    assert sorted(set(ported["value"])) == [0, 100, 1000] and "cannot_tell" not in set(ported["outcome"])
    made = failing(whole, target_host=["v10"], initialisation=["ported"], seed=[3])
    first = along(made).query("technique == 'adapters' and budget_steps == 0 and baseline == 'none'")
    first = first[first["initialisation"] == "ported"].set_index("value")
    assert first["seeds"].to_dict() == {0: 5, 10: 4, 100: 5, 1000: 5}
    runs = whole.runs.query("technique == 'adapters' and budget_steps == 0 and seed != 3")
    means = runs.groupby("target_host")["score"].mean()
    assert first["slope"].iloc[0] == pytest.approx(np.polyfit(PLACES, [means[host] for host in HOSTS], 1)[0])


def test_points_of_other_datasets_have_examples_of_their_own():
    random = np.random.default_rng(0)
    parts = [random.normal(size=(4, 30)), random.normal(size=(4, 50))]
    both = total(parts)
    assert both.effect == pytest.approx(sum(part.mean() for part in parts))
    assert both.by_examples == pytest.approx(sum(estimate(part).by_examples for part in parts)) and both.examples == 30
    rows = sum(part.mean(axis=1) for part in parts)
    assert both.by_seeds == pytest.approx(rows.var(ddof=1) / 4)
    assert total(parts[:1]) == estimate(parts[0])
    pairs = tuple(("film", name) for name in ("film", "book", "hotel"))
    made = study(design(transfers=(("raw", "v0"),), pairs=pairs, examples=80))
    dial = DIAL | {"columns": ["target_dataset"], "points": {"film": 0, "book": 1, "hotel": 2}, "places": [0, 1, 2]}
    table = along(made, dial | {"scale": "linear"})
    assert set(table["value"]) == {0, 1, 2} and table[table["initialisation"] == "ported"]["slope"].notna().all()


def test_a_point_of_several_moves_is_their_mean():
    routes = tuple((source, host) for source in ("raw", "other") for host in HOSTS)
    made = study(design(transfers=routes, examples=80, budgets=(0,)))
    table = along(made).query("technique == 'adapters' and initialisation == 'ported' and baseline == 'none'")
    means = made.runs[made.runs["technique"] == "adapters"].groupby("target_host")["score"].mean()
    expected = [means[host] for host in HOSTS]
    assert set(table["moves"]) == {2} and table["mean"].to_numpy() == pytest.approx(expected)
    assert table["slope"].iloc[0] == pytest.approx(np.polyfit(PLACES, expected, 1)[0])


def test_the_report_has_a_sentence_for_each_technique(made):
    said = along_dials({"dials": along(made)})
    assert len(said) == 2
    start = "Adapters, intensity, zero-shot: the accuracy of ported modules falls with steps (\N{MINUS SIGN}"
    assert said[0].startswith(start) and "points for each tenfold); 0.9" in said[0]
    assert "at 1,000. Their accuracy less that of native modules falls" in said[0]
    assert "LoRA" in said[1] and "no trend of the accuracy of ported modules with steps is shown" in said[1]
    assert along_dials({}) == [] and along_dials({"dials": along(made).head(0)}) == []


def test_one_point_alone_makes_no_trend():
    def fails_at_the_end(technique, source, target, start, budget):
        return 0.5 if target == HOSTS[-1] else 0.9

    table = along(study(design(accuracy=fails_at_the_end)))
    ported = table[(table["initialisation"] == "ported") & (table["baseline"] == "none")]
    assert set(ported["outcome"]) == {"no_trend"} and (ported["slope_high"] < 0).all()
    assert set(ported["why_not"]) == {ONE_POINT} and (ported["p_value_holm"] < ALPHA).all()
    assert ONE_POINT in along_dials({"dials": table})[0]


def test_the_page_has_a_section_of_dials_where_the_study_has_one(made, tmp_path):
    tables = statistics(made)
    for name, more in (("without", {}), ("with", {"dials": along(made)})):
        write_report(tmp_path / name, StudyFacts("small"), tables | more, {}, Cost())
        page = (tmp_path / name).read_text()
        assert page.count("<h2>Along the dials</h2>") == page.count("Adapters, intensity, zero-shot") == len(more)


# how far seeds spread at the points of a dial (normal on logits), with one mean for all: alike and unlike
SPREADS = {"alike": (0.3, 0.3, 0.3, 0.3), "unlike": (0.02, 1.5, 0.3, 0.8), "unlike at the end": (0.1, 0.1, 0.1, 1.5)}
EXAMPLES, TABLES = 300, 1000


def simulated(spreads, centres, seeds, random):
    """The trend of one simulated dial: a seed is good or bad at all points, examples are the same at all."""
    difficulty, block = random.standard_normal(EXAMPLES), random.standard_normal(seeds)
    points = {}
    for value, spread, centre in zip(VALUES, spreads, centres, strict=True):
        own = spread_on_logits(centre, 0.8 * spread, seeds, random)
        accuracies = 1 / (1 + (1 - own) / own * np.exp(-0.6 * spread * block))
        points[value] = [("film", Answers(np.arange(seeds), answers_of(accuracies, difficulty, random)))]
    return trend(points, dict(zip(VALUES, PLACES, strict=True)))


def centres_of(means, spreads):
    """The accuracies around which seeds of these spreads have these means."""
    grid = np.linspace(0.01, 0.999, 2000)
    return [
        float(np.interp(mean, [mean_on_logits(one, spread) for one in grid], grid))
        for mean, spread in zip(means, spreads, strict=True)
    ]


def share_told(spreads, means, seeds, tables, seed=0):
    """The share of simulated dials in which a trend is told at 5%."""
    random, centres = np.random.default_rng(seed), centres_of(means, spreads)
    found = [simulated(spreads, centres, seeds, random) for _ in range(tables)]
    return np.mean([one.slope.p_value < ALPHA and one.without_one < WITHOUT_ONE for one in found])


def test_without_a_trend_one_is_rarely_told():
    assert share_told(SPREADS["unlike at the end"], [0.8] * 4, 5, 200) <= 0.05


@pytest.mark.slow
@pytest.mark.parametrize("kind", SPREADS)
@pytest.mark.parametrize("seeds", [3, 5, 8])
def test_how_often_a_trend_errs_and_how_often_it_is_found(kind, seeds, capsys):
    spreads = SPREADS[kind]
    wrong = share_told(spreads, [0.8] * 4, seeds, TABLES)
    small, large = (
        share_told(spreads, [0.8 + fall * (1 - place / PLACES[-1]) for place in PLACES], seeds, 300, 1)
        for fall in (0.05, 0.15)
    )
    with capsys.disabled():
        print(f"\n| {kind} | {seeds} | {100 * wrong:.1f}% | {100 * small:.0f}% | {100 * large:.0f}% |")
    assert wrong <= 0.05
