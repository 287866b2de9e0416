from peftport.registry import did_you_mean, unknown_name


def test_the_nearest_known_name_is_offered():
    assert unknown_name("technique", "lorra", ["ia3", "lora"]) == (
        "no technique `lorra`. Did you mean `lora`? Known: `ia3`, `lora`."
    )
    assert unknown_name("host", "x", []) == "no host `x`. Known: none."


def test_a_name_need_be_no_text_and_no_short_one():
    assert did_you_mean(10, ["100"]) == " Did you mean `100`?"
    assert did_you_mean(None, ["raw"]) == did_you_mean([1], ["raw"]) == did_you_mean("", ["raw"]) == ""
    assert did_you_mean("raw" * 10**6, ["raw"]) == ""
