"""Prices against the package genai-prices, which has the same facts and other code: names, times and amounts, to the last bit.

Its data are loaded by weir as a user's price file. Random queries (the seed is printed; PRICES_SEED repeats one) go through
build/tools/price_batch. What differs on purpose is done to the query before the package sees it, or asserted on the answer:
  * more cached tokens than input, more reasoning than output: weir adds them, the package refuses or ignores them;
  * names of providers that the package does not know or takes for another (providers.tsv);
  * names that weir strips (paths, Bedrock regions, dates) before it gives up, and inference from a known prefix;
  * "-tts" anywhere in a name is not the text model (the package looks for it at the end or before a hyphen only);
  * prices are rounded to 1e-12 USD per token (a few rows of the data are thirds).
"""
import collections
import copy
import datetime
import decimal
import fnmatch
import json
import os
import pathlib
import random
import re
import subprocess

import pytest
from genai_prices import types
from genai_prices.data import providers as PACKAGE
from genai_prices.data_snapshot import find_provider_by_id

ROOT = pathlib.Path(__file__).resolve().parents[2]
CASES = int(os.environ.get("PRICES_CASES", 20000))
FIELDS = ["input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "cache_write_1h_tokens",
          "output_reasoning_tokens", "input_audio_tokens", "output_audio_tokens", "cache_audio_read_tokens"]
TOKEN_KEYS = {"input_mtok", "output_mtok", "cache_read_mtok", "cache_write_mtok", "cache_write_1h_mtok", "input_audio_mtok",
              "output_audio_mtok", "cache_audio_read_mtok", "output_reasoning_mtok", "requests_kcount"}
FALLBACK, INFERRED, DATE_SPELLING, STRIPPED = 2, 4, 8, 16 | 32 | 64


def tool():
    path = pathlib.Path(os.environ.get("PRICE_BATCH") or
                        pathlib.Path(os.environ.get("WEIR", ROOT / "build" / "weir")).resolve().parent / "tools" / "price_batch")
    assert path.exists(), f"{path} is not built: make {path}"
    return path


def plain(v):
    """The package's objects as its JSON has them."""
    if isinstance(v, types.ClauseOr):
        return {"or": [plain(c) for c in v.or_]}
    if isinstance(v, types.ClauseAnd):
        return {"and": [plain(c) for c in v.and_]}
    if isinstance(v, types.ModelPrice):
        return {k: plain(x) for k, x in v.__dict__.items() if x is not None}
    if isinstance(v, types.TieredPrices):
        return {"base": plain(v.base), "tiers": [{"start": t.start, "price": plain(t.price)} for t in v.tiers]}
    if isinstance(v, types.ConditionalPrice):
        return {"prices": plain(v.prices), **({"constraint": plain(v.constraint)} if v.constraint else {})}
    if isinstance(v, types.StartDateConstraint):
        return {"start_date": v.start_date.isoformat()}
    if isinstance(v, types.TimeOfDateConstraint):
        assert not v.start_time.utcoffset() and not v.end_time.utcoffset()
        return {"start_time": v.start_time.strftime("%H:%M:%SZ"), "end_time": v.end_time.strftime("%H:%M:%SZ")}
    if isinstance(v, decimal.Decimal):
        return float(v)
    if isinstance(v, list):
        return [plain(x) for x in v]
    return v.__dict__ if hasattr(v, "__dict__") else v


def document(providers):
    return [{"id": p.id, "name": p.name, "api_pattern": p.api_pattern,
             "models": [{"id": m.id, "match": plain(m.match), "prices": plain(m.prices)} for m in p.models]} for p in providers]


def all_prices(model):
    return [model.prices] if isinstance(model.prices, types.ModelPrice) else [c.prices for c in model.prices]


def rounded(providers):
    """The providers with prices as fine as weir's; and which models that touched."""
    fine = {"requests_kcount": decimal.Decimal("1e-9")}
    touched = set()
    result = copy.deepcopy(providers)
    for p in result:
        for m in p.models:
            for prices in all_prices(m):
                for k, v in list(prices.__dict__.items()):
                    if isinstance(v, decimal.Decimal):
                        q = v.quantize(fine.get(k, decimal.Decimal("1e-6")))
                        if q != v:
                            touched.add((p.id, m.id))
                            setattr(prices, k, q)
    return result, touched


def weir_names():
    """providers.tsv: exact names, patterns of names, patterns of models."""
    exact, names, models = {}, [], []
    for line in (ROOT / "prices" / "providers.tsv").read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        word, provider, texts = line.split("\t")
        for t in texts.split():
            if word == "infer":
                models.append((t, provider))
            elif "*" in t:
                names.append((t, provider))
            else:
                exact[t] = provider
    return exact, names, models


class Oracle:
    def __init__(self):
        self.providers, self.touched = rounded(PACKAGE)
        self.by_id = {p.id: p for p in self.providers}
        self.exact, self.names, self.models = weir_names()

    def provider_of(self, name):
        name = name.strip().lower()
        if name in self.exact or name in self.by_id:
            return self.exact.get(name, name)
        for pattern, provider in self.names:
            if fnmatch.fnmatchcase(name, pattern):
                return provider
        found = find_provider_by_id(self.providers, name)
        return found.id if found else None

    def infer(self, model):
        model = model.removeprefix("litellm/")
        head, slash, _ = model.partition("/")
        if slash and (head in self.exact or head in self.by_id):
            return self.exact.get(head, head)
        for pattern, provider in self.models:
            if fnmatch.fnmatchcase(model, pattern):
                return provider
        return next((p.id for p in self.providers if p.model_match and p.model_match.is_match(model)), None)

    def find(self, provider, model):
        found = self.by_id[provider].find_model(model, all_providers=self.providers)
        no_tts = found and "[tT][tT][sS]" in json.dumps(plain(found.match))
        return None if no_tts and "-tts" in model else found

    def owner(self, label):
        """The model of weir's PROVIDER/MODEL@DATE."""
        name = label.rpartition("@")[0]
        provider, _, model = name.partition("/")
        return next(m for m in self.by_id[provider].models if m.id == model)


def literals(match):
    v = next(iter(match.values()))
    return [v] if isinstance(v, str) else [x for c in v for x in literals(c)]


def starts(model):
    return [t.start for prices in all_prices(model) for v in prices.__dict__.values()
            if isinstance(v, types.TieredPrices) for t in v.tiers]


def random_name(rng, name):
    change = rng.random()
    if change < 0.70:
        return name
    return rng.choice([
        lambda: name.upper(), lambda: f" {name.title()} ", lambda: name + "-20250407", lambda: name + "-2025-12-11",
        lambda: name + "@20250219", lambda: name + "-20251345", lambda: name + "-latest", lambda: name + "-preview-tts", lambda: name[:-1],
        lambda: "openai/" + name, lambda: "models/" + name, lambda: "us." + name, lambda: "eu.anthropic." + name,
        lambda: f"projects/p/locations/l/publishers/google/models/{name}", lambda: "x" + name, lambda: "litellm/azure/" + name,
        lambda: f"arn:aws:bedrock:us-east-1:1:inference-profile/{name}", lambda: name + ":free"])()


def random_usage(rng, model):
    edges = [0, 1, 199999, 200000, 200001] + [s + d for s in starts(model) for d in (-1, 0, 1)]
    total = rng.choice(edges) if rng.random() < 0.3 else int(10 ** rng.uniform(0, 7))
    out = int(10 ** rng.uniform(0, 5))
    u = dict.fromkeys(FIELDS, 0)
    u["input_tokens"], u["output_tokens"] = total, out
    if rng.random() < 0.6:
        u["cache_read_tokens"] = rng.randint(0, total)
    if rng.random() < 0.4:
        u["cache_write_tokens"] = rng.randint(0, total - u["cache_read_tokens"])
        u["cache_write_1h_tokens"] = rng.randint(0, u["cache_write_tokens"]) if rng.random() < 0.5 else 0
    if rng.random() < 0.3:
        u["input_audio_tokens"] = rng.randint(0, total - u["cache_read_tokens"] - u["cache_write_tokens"])
        if rng.random() < 0.5:
            u["cache_audio_read_tokens"] = rng.randint(0, min(u["cache_read_tokens"], u["input_audio_tokens"]))
    if rng.random() < 0.4:
        u["output_reasoning_tokens"] = rng.randint(0, out)
    if rng.random() < 0.2:
        u["output_audio_tokens"] = rng.randint(0, out - u["output_reasoning_tokens"])
    if rng.random() < 0.1:
        k = rng.choice(FIELDS[2:])
        u[k] = u[k] * 3 + rng.randint(1, 1000)
    return u


def random_time(rng):
    if rng.random() < 0.3:
        day = rng.choice(["2025-06-10", "2026-03-13", "2026-07-30", "2026-08-17", "2026-08-21", "2027-01-01"])
        at = datetime.datetime.fromisoformat(day + "T00:00:00+00:00")
        hours = rng.choice([0, 0.5, 1, 4, 6, 10, 16.5, 23])
        return at + datetime.timedelta(hours=hours, microseconds=rng.choice([-1, 0, 1]))
    return datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc) + datetime.timedelta(seconds=rng.randint(0, 4 * 365 * 86400))


def random_queries(rng, oracle, n):
    known = [(p, m, name) for p in oracle.providers for m in p.models for name in {m.id, *literals(plain(m.match))}
             if not name.startswith("^")]
    few = [k for k in known if starts(k[1]) or isinstance(k[1].prices, list)
           or any({"requests_kcount", "output_reasoning_mtok", "input_audio_mtok", "cache_write_1h_mtok"} & set(x.__dict__)
                  for x in all_prices(k[1]))]
    aliases = collections.defaultdict(list)
    for name, provider in oracle.exact.items():
        aliases[provider].append(name)
    for _ in range(n):
        p, m, name = rng.choice(few if rng.random() < 0.4 else known)
        who = p.id
        if rng.random() < 0.3:
            who = rng.choice([p.id.upper(), f" {p.id} ", "", "", "ollama", "openai", "azure", "google", "amazon-bedrock", "vertex_ai-x",
                              *aliases[p.id]])
        yield who, random_name(rng, name), random_time(rng), random_usage(rng, m)


def adjusted(u):
    """Section "usage" of docs/cost.md; returns the usage and what was changed."""
    u = dict(u)
    read, write = u["cache_read_tokens"], u["cache_write_tokens"]
    flags = (int(read + write > u["input_tokens"]), int(u["output_reasoning_tokens"] > u["output_tokens"]))
    if flags[0]:
        u["input_tokens"] += read + write
    if flags[1]:
        u["output_tokens"] += u["output_reasoning_tokens"]
    return u, flags


def expected_price(model, at, usage):
    """(status, prompt, completion, total) as the package computes them for this model."""
    prices = model.get_prices(at)
    keys = {k for k, v in prices.__dict__.items() if v is not None}
    if keys and not keys & TOKEN_KEYS:
        return ("unpriced_unit", 0.0, 0.0, 0.0)
    values = [x for k in keys & TOKEN_KEYS for x in [getattr(prices, k)]]
    if all(not (v.base or any(t.price for t in v.tiers)) if isinstance(v, types.TieredPrices) else not v for v in values):
        return ("free", 0.0, 0.0, 0.0)
    try:
        r = prices.calc_price(types.Usage(**usage))
    except ValueError as e:
        assert "Invalid usage data" in str(e), e
        return ("inconsistent_usage", 0.0, 0.0, 0.0)
    return ("ok", float(r["input_price"]), float(r["output_price"]), float(r["total_price"]))


def could_be(model, name):
    """Some stripped spelling of the name is one that the package knows for this model."""
    tails = {name[i:] for i in range(len(name)) if i == 0 or name[i - 1] in "/."}
    dates = {re.sub(r"(?:[-@]\d{8}|-\d{4}-\d\d-\d\d)$", "", t) for t in tails}
    spread = {re.sub(r"-(\d{4})(\d\d)(\d\d)(?=-|:|$)", r"-\1-\2-\3", t) for t in tails}
    return any(model.is_match(t) for t in tails | dates | spread)


def run(queries, *files):
    lines = "".join("\t".join(map(str, [who, name, round(at.timestamp() * 1_000_000) * 1000, *usage.values()])) + "\n"
                    for who, name, at, usage in queries)
    done = subprocess.run([tool(), *files], input=lines, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    answers = [line.split("\t") for line in done.stdout.splitlines()]
    assert len(answers) == len(queries)
    return answers, done.stderr


def check(oracle, query, answer):
    """Which kind of agreement this is; raises when it is none."""
    who, name, at, usage = query
    model = name.strip().lower()
    provider = oracle.provider_of(who) if who.strip() else oracle.infer(model)
    theirs = oracle.find(provider, model) if provider else None
    if len(answer) == 1:
        assert theirs is None, f"unknown to weir only: {theirs.id}"
        assert answer[0] == ("unknown_model" if provider else "unknown_provider")
        return answer[0]
    status, label, how, via, prompt, completion, total, *flags = answer
    ours, via = oracle.owner(label), int(via)
    if theirs is None:
        assert via & STRIPPED and could_be(ours, model), "known to weir only"
    else:
        assert ours is theirs and not via & STRIPPED, f"theirs: {theirs.id}"
        assert bool(via & DATE_SPELLING) <= bool(re.search(r"-20\d{6}", model))
    assert bool(via & INFERRED) == (not who.strip())
    usage, changed = adjusted(usage)
    want = expected_price(ours, at, usage)
    assert (status, *map(float.fromhex, (prompt, completion, total))) == want
    if status in ("ok", "inconsistent_usage"):
        assert tuple(map(int, flags)) == changed or status == "inconsistent_usage"
    if theirs is None:
        return "ok, stripped name"
    return f"{status}, adjusted" if any(changed) and status == "ok" else status


@pytest.fixture(scope="module")
def oracle():
    return Oracle()


@pytest.fixture(scope="module")
def data_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("prices") / "data.json"
    path.write_text(json.dumps(document(PACKAGE)))
    return path


def test_random_queries(oracle, data_file):
    seed = int(os.environ.get("PRICES_SEED") or random.SystemRandom().randrange(2 ** 32))
    print(f"PRICES_SEED={seed}")
    queries = list(random_queries(random.Random(seed), oracle, CASES))
    answers, log = run(queries, data_file)
    assert ", skipped 0, " in log, log
    kinds, wrong = collections.Counter(), []
    for query, answer in zip(queries, answers):
        try:
            kinds[check(oracle, query, answer)] += 1
        except AssertionError as e:
            wrong.append(f"{query} -> {answer}: {e}")
    print(dict(kinds))
    assert not wrong, f"{len(wrong)} of {CASES} differ (PRICES_SEED={seed}):\n" + "\n".join(wrong[:10])
    assert kinds["ok"] >= CASES // 2
    for kind in ("ok, adjusted", "ok, stripped name", "free", "unpriced_unit", "inconsistent_usage", "unknown_model", "unknown_provider"):
        assert kinds[kind], f"no case of {kind}"


def test_built_in_facts_are_the_package_s(oracle, data_file):
    """The same answers from prices.tsv alone: prices/refresh has lost nothing."""
    queries = list(random_queries(random.Random(7), oracle, CASES // 2))
    undated = [[[a[0], a[1].rpartition("@")[0], *a[2:]] if len(a) > 1 else a for a in run(queries, *files)[0]]
               for files in ([], [data_file])]
    different = [(q, a, b) for q, a, b in zip(queries, *undated) if a != b]
    assert not different, different[:5]


def test_rounding_touches_few_rows(oracle):
    assert 0 < len(oracle.touched) <= 10, oracle.touched
