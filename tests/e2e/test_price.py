"""`weir price`: whose price it is, what is free, and what it says when there is none."""
import pytest

from rig.process import run

PRICED = [
    (["gpt-4o"], "openai/gpt-4o@", "2.5"),
    (["gpt-4o", "--provider", "litellm"], "openai/gpt-4o@", "2.5"),
    (["GPT-4o", "--provider=Portkey"], "openai/gpt-4o@", "2.5"),
    (["openrouter/openai/gpt-4o"], "openrouter/openai/gpt-4o@", "2.5"),
    (["openai/gpt-4o", "--provider", "openrouter"], "openrouter/openai/gpt-4o@", "2.5"),
    (["openrouter/openai/text-embedding-3-small"], "openai/text-embedding-3-small@", "0.02"),
    (["m", "--provider", "ibm.watsonx.ai"], "watsonx/m@", "4"),
    (["llama3", "--provider", "ollama"], "ollama/llama3 (local provider)", "0"),
    (["llama3", "--provider", "hosted_vllm"], "hosted_vllm/llama3 (local provider)", "0"),
]


@pytest.fixture
def prices(tmp_path):
    """Amounts that the test relies on do not change with the built-in table."""
    path = tmp_path / "prices.tsv"
    path.write_text("weir-prices\t1\ndate\t2026-01-02\nmodel\topenai\tgpt-4o\t=\tin=2.5\nmodel\topenai\ttext-embedding-3-small\t=\tin=0.02\n"
                    "model\topenrouter\topenai/gpt-4o\t=\tin=2.5\nmodel\twatsonx\tm\t=\tin=4\n")
    return ["--prices", path]


@pytest.mark.parametrize("args, label, total", PRICED, ids=[" ".join(a) for a, *_ in PRICED])
def test_whose_price(prices, args, label, total):
    done = run("price", *args, "--in", "1000000", "--out", "0", *prices)
    assert done.returncode == 0 and not done.stderr, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith(label), done.stdout
    assert lines[-1].split() == ["total", total, "USD"], done.stdout


@pytest.mark.parametrize("args, code, words", [
    (["nobody-knows", "--in", "1", "--out", "1"], 4, 'unknown_provider: "nobody-knows"'),
    (["nobody-knows", "--provider", "litellm", "--in", "1", "--out", "1"], 4, 'unknown_provider: "nobody-knows"'),
    (["gpt-4o", "--provider", "nobody", "--in", "1", "--out", "1"], 4, 'unknown_provider: "gpt-4o" of nobody'),
    (["gpt-4o", "--in", "9000000000000000000", "--out", "1"], 4, "inconsistent_usage: more tokens than any call has"),
    (["gpt-4o", "--in", "99999999999999999999", "--out", "1"], 1, 'not a count of tokens: "99999999999999999999"'),
    (["gpt-4o", "--in", "1", "--out", "1", "--nope"], 1, 'unknown option "--nope"'),
    (["gpt-4o", "--in", "1", "--nope", "--out", "1"], 1, 'unknown option "--nope"'),
    (["gpt-4o", "--in", "1", "--out"], 1, 'a value is missing after "--out"'),
    (["gpt-4o"], 1, "tokens are missing"),
    (["--in", "1", "--out", "1"], 1, "a model is missing"),
])
def test_no_price(args, code, words):
    done = run("price", *args)
    assert done.returncode == code and words in done.stderr, done.stderr
