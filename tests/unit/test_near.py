from peftport.near import near, unknown


def test_the_nearest_known_name_is_offered():
    assert unknown("technique", "lorra", ["ia3", "lora"]) == (
        "no technique `lorra`. Did you mean `lora`? Known: `ia3`, `lora`."
    )
    assert unknown("host", "x", []) == "no host `x`. Known: none."


def test_a_name_need_be_no_text_and_no_short_one():
    assert near(10, ["100"]) == " Did you mean `100`?"
    assert near(None, ["raw"]) == near([1], ["raw"]) == near("", ["raw"]) == ""
    assert near("raw" * 10**6, ["raw"]) == ""
