#!/usr/bin/env python3
"""Asks saltlake and DuckDB the same analytical questions of one table, compares the answers, reports times and ratios.

The shapes are those of web-analytics benchmarks such as ClickBench: counts, sums, distinct counts, top-N by group,
searches in texts, groups by many keys, percentiles. See README.md beside this file. Needs nothing but Python: DuckDB
comes from `scripts/test-services`, its shell (for start-up) from PyPI.
"""

import argparse
import json
import math
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
SHELL = "duckdb-cli==1.5.6"

# INVARIANT: the table comes from the row's number alone, so everybody measures the same one.
TABLE = """
COPY (
  SELECT
    i AS visit_id,
    CAST(hash(i * 7 + 1) % 1500000 AS BIGINT) AS user_id,
    TIMESTAMP '2024-01-01 00:00:00' + to_seconds(CAST(hash(i + 11) % 7776000 AS BIGINT)) AS visited_at,
    CAST(DATE '2024-01-01' + CAST(hash(i + 11) % 7776000 // 86400 AS INTEGER) AS DATE) AS visited_on,
    CAST(pow(hash(i + 3) % 1000, 2) // 10 AS INTEGER) AS site_id,
    CAST(hash(i + 5) % 230 AS SMALLINT) AS region_id,
    CASE WHEN hash(i + 13) % 20 < 17 THEN 0 ELSE CAST(hash(i + 13) % 80 AS SMALLINT) END AS campaign_id,
    CAST(hash(i + 17) % 6 AS SMALLINT) AS device,
    CASE WHEN hash(i + 19) % 8 < 7 THEN '' ELSE 'word ' || hash(i + 19) % 40000 || ' ' || chr(97 + CAST(hash(i + 20) % 26 AS INTEGER)) END AS search_phrase,
    'https://site' || CAST(pow(hash(i + 3) % 1000, 2) // 10 AS INTEGER) || '.example/' ||
      CASE hash(i + 23) % 5 WHEN 0 THEN 'product' WHEN 1 THEN 'news' WHEN 2 THEN 'google' WHEN 3 THEN 'cart' ELSE 'home' END ||
      '/' || hash(i + 29) % 50000 AS url,
    CASE WHEN hash(i + 31) % 3 = 0 THEN '' ELSE 'https://from' || hash(i + 31) % 4000 || '.example/page?q=' || hash(i + 37) % 90 END AS referer,
    'Title of page ' || hash(i + 29) % 50000 AS title,
    CAST(hash(i + 41) % 5 AS SMALLINT) AS os,
    CASE hash(i + 43) % 4 WHEN 0 THEN 'phone-a' WHEN 1 THEN 'phone-b' ELSE '' END AS phone_model,
    CAST(800 + hash(i + 47) % 2000 AS SMALLINT) AS screen_width,
    CAST(hash(i + 53) % 600 AS INTEGER) AS seconds_spent,
    CAST(hash(i + 59) % 1000000 AS DOUBLE) / 100 AS amount,
    hash(i + 61) % 10 = 0 AS is_refresh
  FROM range({rows}) AS t(i)
) TO '{file}' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)
"""

# (what it is, SQL). Every answer is determined: ties are broken, and floating-point sums rounded.
QUESTIONS = [
    ("count of all", "SELECT count(*) FROM {t}"),
    ("count with a rare filter", "SELECT count(*) FROM {t} WHERE campaign_id <> 0"),
    ("sum, count, average", "SELECT sum(campaign_id), count(*), round(avg(screen_width), 6) FROM {t}"),
    ("average of a wide integer", "SELECT round(avg(user_id), 3) FROM {t}"),
    ("distinct numbers", "SELECT count(DISTINCT user_id) FROM {t}"),
    ("distinct texts", "SELECT count(DISTINCT search_phrase) FROM {t}"),
    ("least and greatest day", "SELECT min(visited_on), max(visited_on) FROM {t}"),
    ("few groups, filtered", "SELECT campaign_id, count(*) FROM {t} WHERE campaign_id <> 0 GROUP BY campaign_id ORDER BY 2 DESC, 1"),
    ("distinct by group", "SELECT region_id, count(DISTINCT user_id) AS u FROM {t} GROUP BY region_id ORDER BY u DESC, 1 LIMIT 10"),
    ("several aggregates by group", "SELECT region_id, sum(campaign_id), count(*) AS c, round(avg(screen_width), 4), count(DISTINCT user_id) FROM {t} GROUP BY region_id ORDER BY c DESC, 1 LIMIT 10"),
    ("distinct by a text", "SELECT phone_model, count(DISTINCT user_id) AS u FROM {t} WHERE phone_model <> '' GROUP BY phone_model ORDER BY u DESC, 1 LIMIT 10"),
    ("distinct by number and text", "SELECT device, phone_model, count(DISTINCT user_id) AS u FROM {t} WHERE phone_model <> '' GROUP BY device, phone_model ORDER BY u DESC, 1, 2 LIMIT 10"),
    ("top texts", "SELECT search_phrase, count(*) AS c FROM {t} WHERE search_phrase <> '' GROUP BY search_phrase ORDER BY c DESC, 1 LIMIT 10"),
    ("top texts by distinct", "SELECT search_phrase, count(DISTINCT user_id) AS u FROM {t} WHERE search_phrase <> '' GROUP BY search_phrase ORDER BY u DESC, 1 LIMIT 10"),
    ("top pairs", "SELECT os, search_phrase, count(*) AS c FROM {t} WHERE search_phrase <> '' GROUP BY os, search_phrase ORDER BY c DESC, 1, 2 LIMIT 10"),
    ("top of many numbers", "SELECT user_id, count(*) AS c FROM {t} GROUP BY user_id ORDER BY c DESC, 1 LIMIT 10"),
    ("top of very many pairs", "SELECT user_id, search_phrase, count(*) AS c FROM {t} GROUP BY user_id, search_phrase ORDER BY c DESC, 1, 2 LIMIT 10"),
    ("groups by a computed minute", "SELECT user_id, extract(minute FROM visited_at) AS m, count(*) AS c FROM {t} GROUP BY user_id, m ORDER BY c DESC, 1, 2 LIMIT 10"),
    ("one in a million", "SELECT user_id FROM {t} WHERE user_id = 435090 ORDER BY 1"),
    ("search in texts", "SELECT count(*) FROM {t} WHERE url LIKE '%google%'"),
    ("search, then top texts", "SELECT search_phrase, min(url), count(*) AS c FROM {t} WHERE url LIKE '%google%' AND search_phrase <> '' GROUP BY search_phrase ORDER BY c DESC, 1 LIMIT 10"),
    ("two searches", "SELECT search_phrase, min(url), min(title), count(*) AS c, count(DISTINCT user_id) FROM {t} WHERE title LIKE '%page 1%' AND url NOT LIKE '%.example/news%' AND search_phrase <> '' GROUP BY search_phrase ORDER BY c DESC, 1 LIMIT 10"),
    ("whole rows, sorted", "SELECT * FROM {t} WHERE url LIKE '%/google/1%' ORDER BY visited_at, visit_id LIMIT 10"),
    ("sorted by time", "SELECT search_phrase FROM {t} WHERE search_phrase <> '' ORDER BY visited_at, visit_id LIMIT 10"),
    ("sorted by text", "SELECT search_phrase FROM {t} WHERE search_phrase <> '' ORDER BY search_phrase LIMIT 10"),
    ("lengths by group", "SELECT site_id, round(avg(length(url)), 6) AS l, count(*) AS c FROM {t} WHERE url <> '' GROUP BY site_id HAVING count(*) > 10000 ORDER BY l DESC, 1 LIMIT 25"),
    ("a regular expression", "SELECT regexp_replace(referer, '^https?://(?:www\\.)?([^/]+)/.*$', '\\1') AS k, round(avg(length(referer)), 6) AS l, count(*) AS c FROM {t} WHERE referer <> '' GROUP BY k HAVING count(*) > 1000 ORDER BY l DESC, k LIMIT 25"),
    ("thirty sums", "SELECT " + ", ".join(f"sum(screen_width + {n})" for n in range(30)) + " FROM {t}"),
    ("groups by two, three aggregates", "SELECT os, site_id, count(*) AS c, sum(CAST(is_refresh AS INT)), round(avg(screen_width), 4) FROM {t} WHERE search_phrase <> '' GROUP BY os, site_id ORDER BY c DESC, 1, 2 LIMIT 10"),
    ("a group for every row", "SELECT visit_id, user_id, count(*) AS c FROM {t} GROUP BY visit_id, user_id ORDER BY c DESC, 1, 2 LIMIT 10"),
    ("top of long texts", "SELECT url, count(*) AS c FROM {t} GROUP BY url ORDER BY c DESC, 1 LIMIT 10"),
    ("groups by expressions", "SELECT user_id, user_id - 1, user_id - 2, count(*) AS c FROM {t} GROUP BY user_id, user_id - 1, user_id - 2 ORDER BY c DESC, 1 LIMIT 10"),
    ("a dashboard's page views", "SELECT url, count(*) AS c FROM {t} WHERE site_id = 62 AND visited_on BETWEEN DATE '2024-02-01' AND DATE '2024-02-29' AND NOT is_refresh AND url <> '' GROUP BY url ORDER BY c DESC, 1 LIMIT 10"),
    ("a page of a list", "SELECT title, count(*) AS c FROM {t} WHERE site_id < 500 AND NOT is_refresh GROUP BY title ORDER BY c DESC, 1 LIMIT 10 OFFSET 1000"),
    ("a choice by CASE", "SELECT device, os, CASE WHEN campaign_id = 0 THEN referer ELSE '' END AS src, url AS dst, count(*) AS c FROM {t} WHERE site_id = 62 GROUP BY device, os, src, dst ORDER BY c DESC, 1, 2, 3, 4 LIMIT 10"),
    ("minutes of a week", "SELECT date_trunc('minute', visited_at) AS m, count(*) AS c FROM {t} WHERE visited_on BETWEEN DATE '2024-02-05' AND DATE '2024-02-11' GROUP BY m ORDER BY m LIMIT 10 OFFSET 1000"),
    ("days of a month", "SELECT visited_on, count(*), sum(seconds_spent) FROM {t} GROUP BY visited_on ORDER BY 1"),
    ("rank in groups", "SELECT region_id, visit_id, r FROM (SELECT region_id, visit_id, row_number() OVER (PARTITION BY region_id ORDER BY seconds_spent DESC, visit_id) AS r FROM {t} WHERE campaign_id <> 0) WHERE r <= 3 ORDER BY 1, 3"),
    ("a join with an aggregate", "SELECT a.region_id, count(*) AS c FROM {t} AS a JOIN (SELECT user_id FROM {t} GROUP BY user_id HAVING count(*) > 15) AS b ON a.user_id = b.user_id GROUP BY a.region_id ORDER BY c DESC, 1 LIMIT 10"),
]  # fmt: skip


class Failed(Exception):
    """Said to the user without a trace of the stack."""


def main():
    options = parse_options()
    try:
        report = benchmark(options)
    except Failed as error:
        sys.exit(f"analysis.py: {error}")
    if options.json:
        options.json.write_text(json.dumps(report, indent=2) + "\n")
    print(markdown(report))


def parse_options():
    target = Path(os.environ.get("CARGO_TARGET_DIR") or REPOSITORY / "target")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000_000, help="rows of the table (default: 10000000)")
    parser.add_argument("--runs", type=int, default=3, help="runs of each program (default: 3)")
    parser.add_argument("--saltlake", type=Path, default=target / "release" / "saltlake", help="the program to measure")
    parser.add_argument("--dir", type=Path, default=target / "bench-analysis", help="where the table is written")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all that was measured to FILE")
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def benchmark(options):
    if options.worker:
        worker(options)
        sys.exit(0)
    if not options.saltlake.exists():
        raise Failed(f"{options.saltlake} is not there: run `cargo build --release`, or pass --saltlake")
    python = Path(run([REPOSITORY / "scripts" / "test-services"]).strip()) / "bin" / "python"
    options.dir.mkdir(parents=True, exist_ok=True)
    file = options.dir / "lake" / "visit" / f"visit-{options.rows}.parquet"
    if not file.exists():
        shutil.rmtree(file.parent, ignore_errors=True)
        file.parent.mkdir(parents=True)
        part = options.dir / "visit.part"
        run([python, "-c", f"import duckdb; duckdb.execute({TABLE.format(rows=options.rows, file=part)!r})"])
        part.rename(file)
    (options.dir / "saltlake.toml").write_text('[lake]\nlocation = "lake"\n\n[masked]\nlocation = "masked"\n')
    script = options.dir / "questions.sql"
    script.write_text(";\n".join(sql.format(t="dataset.visit") for _, sql in QUESTIONS) + ";\n")
    check(options, python, file)
    seconds = {"saltlake": [], "duckdb": []}
    for turn in range(options.runs):
        for program in ["saltlake", "duckdb"] if turn % 2 == 0 else ["duckdb", "saltlake"]:
            seconds[program].append(times(program, options, python, file, script))
    return {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Linux {platform.release()}",
        "rows": options.rows,
        "runs": options.runs,
        "bytes": file.stat().st_size,
        "duckdb": run([python, "-c", "import duckdb; print(duckdb.__version__)"]).strip(),
        "load": os.getloadavg()[0],
        "questions": [
            {
                "question": name,
                "saltlake": statistics.median(turn[index] for turn in seconds["saltlake"]),
                "duckdb": statistics.median(turn[index] for turn in seconds["duckdb"]),
            }
            for index, (name, _) in enumerate(QUESTIONS)
        ],
        "start": start_up(options, python),
    }


def times(program, options, python, file, script):
    if program == "saltlake":
        lines = run([options.saltlake, "run", script, "--format", "json"], cwd=options.dir).splitlines()
        return [json.loads(line)["seconds"] for line in lines]
    said = run([python, Path(__file__).resolve(), "--worker", file])
    return json.loads(said)


def worker(options):
    """Runs in DuckDB's process: every question once, each answer fetched whole."""
    import duckdb

    connection = duckdb.connect()
    seconds = []
    for _, sql in QUESTIONS:
        started = time.perf_counter()
        connection.execute(sql.format(t=f"read_parquet('{options.worker}')")).fetchall()
        seconds.append(round(time.perf_counter() - started, 4))
    print(json.dumps(seconds))


def check(options, python, file):
    """Both answer alike, or there is no report."""
    reader = (
        "import duckdb, json, sys\n"
        "c = duckdb.connect()\n"
        "for sql in json.load(sys.stdin):\n"
        "    print(json.dumps([[None if v is None else str(v) for v in row] for row in c.execute(sql).fetchall()]))\n"
    )
    asked = json.dumps([sql.format(t=f"read_parquet('{file}')") for _, sql in QUESTIONS])
    theirs = [json.loads(line) for line in run([python, "-c", reader], stdin=asked).splitlines()]
    for (name, sql), expected in zip(QUESTIONS, theirs):
        out = run([options.saltlake, "query", sql.format(t="dataset.visit"), "--format", "json"], cwd=options.dir)
        ours = [[plain(value) for value in row.values()] for row in json.loads(out)]
        if ours != [[plain(value) for value in row] for row in expected]:
            raise Failed(f"answers to “{name}” differ:\n  saltlake {ours[:3]}\n  DuckDB   {expected[:3]}")


def plain(value):
    """A value as text, in one spelling for both."""
    if value is None:
        return None
    text = str(value).replace("T", " ") if str(value)[:4].isdigit() else str(value)
    try:
        number = float(text)
        return f"{number:.9g}" if math.isfinite(number) else text
    except ValueError:
        return text.lower() if text in ("True", "False") else text


def start_up(options, python):
    """How long `select 1` takes as a whole process."""
    venv = options.dir / "shell"
    shell = venv / "bin" / "duckdb"
    if not shell.exists():
        run([python, "-m", "venv", venv])
        run([venv / "bin" / "pip", "install", "--quiet", SHELL])
    commands = {
        "saltlake": [options.saltlake, "query", "select 1"],
        "duckdb": [shell, "-c", "select 1"],
    }
    measured = {}
    for program, command in commands.items():
        run(command, cwd=options.dir)
        taken = []
        for _ in range(20):
            started = time.perf_counter()
            run(command, cwd=options.dir)
            taken.append(time.perf_counter() - started)
        measured[program] = statistics.median(taken)
    return measured | {"shell": SHELL}


def run(command, cwd=None, stdin=None):
    done = subprocess.run([str(part) for part in command], cwd=cwd, input=stdin, capture_output=True, text=True)
    if done.returncode != 0:
        raise Failed(f"`{command[0]}` failed:\n{done.stderr.strip()[-2000:]}")
    return done.stdout


def markdown(report):
    lines = [
        f"{report['rows']:,} rows, {report['bytes'] / 1e6:.0f} MB of Parquet (zstd), {report['machine']}; "
        f"DuckDB {report['duckdb']}; median of {report['runs']} runs; load at the end {report['load']:.1f}.",
        "",
        "| question | saltlake s | DuckDB s | ratio |",
        "|---|---:|---:|---:|",
    ]
    ratios = []
    for entry in report["questions"]:
        ratio = max(entry["saltlake"], 0.001) / max(entry["duckdb"], 0.001)
        ratios.append(ratio)
        lines.append(f"| {entry['question']} | {entry['saltlake']:.3f} | {entry['duckdb']:.3f} | {ratio:.2f} |")
    total = [sum(entry[program] for entry in report["questions"]) for program in ("saltlake", "duckdb")]
    lines.append(f"| **all together** | {total[0]:.1f} | {total[1]:.1f} | {total[0] / total[1]:.2f} |")
    lines.append(f"| **geometric mean of the ratios** | | | {math.exp(statistics.mean(map(math.log, ratios))):.2f} |")
    start = report["start"]
    lines += [
        "",
        f"Start-up, `select 1` as a whole process, median of 20: saltlake {start['saltlake'] * 1000:.0f} ms, "
        f"DuckDB's shell ({start['shell']}) {start['duckdb'] * 1000:.0f} ms, ratio "
        f"{start['saltlake'] / start['duckdb']:.2f}.",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
