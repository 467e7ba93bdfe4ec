#!/usr/bin/env python3
"""Masks one table with saltlake and with DuckDB, compares the outputs, reports time, memory and size.

See README.md beside this file. Needs nothing but Python: DuckDB comes from `scripts/test-services`.
"""

import argparse
import base64
import contextlib
import hashlib
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

# INVARIANT: this process stays small. Linux counts the memory that a process had before it became another program into
# that program's peak, so DuckDB is never loaded here.

REPOSITORY = Path(__file__).resolve().parent.parent
WORKER = Path(__file__).resolve().with_name("mask_duckdb.py")
KEY = "benchmark-key-16"
MASKED = ["name", "mail", "phone", "iban", "card_number"]
KEPT = [
    "id", "customer_id", "gender", "country", "status", "birthdate", "signed_up", "last_seen", "balance",
    "credit_limit", "score", "latitude", "visits", "active", "reference",
]  # fmt: skip
MIB = 1024 * 1024

# What the masking step has to reach.
SHARE_OF_DUCKDB_MAX = 0.5
PEAK_BYTES_MAX = 1024 * MIB
# "Flat": more memory than this, with more rows, is growth and not noise.
GROWTH_MAX = 1.2
# More work than this from other programs, in cores, spoils a measurement.
BUSY_LOAD = 0.5


class Failed(Exception):
    """Said to the user without a trace of the stack."""


def main():
    options = parse_options()
    try:
        report = benchmark(options)
    except Failed as error:
        sys.exit(f"mask.py: {error}")
    if options.json:
        options.json.write_text(json.dumps(report, indent=2) + "\n")
    print(markdown(report))


def parse_options():
    target = Path(os.environ.get("CARGO_TARGET_DIR") or REPOSITORY / "target")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=positive, default=5_000_000, help="rows of the table (default: 5000000)")
    parser.add_argument("--runs", type=positive, default=3, help="runs of each program (default: 3)")
    parser.add_argument(
        "--scale",
        type=positive,
        nargs="?",
        const=4,
        metavar="FACTOR",
        help="also run saltlake on FACTOR times the rows (default: 4), to see whether its memory grows",
    )
    parser.add_argument("--threads", type=positive, help="threads of both (default: what each finds right)")
    parser.add_argument("--zstd-level", type=positive, default=1, help="zstd level of every file (default: 1)")
    parser.add_argument("--saltlake", type=Path, default=target / "release" / "saltlake", help="the program to measure")
    parser.add_argument("--duckdb-only", action="store_true", help="leave saltlake out, to try the benchmark itself")
    parser.add_argument("--dir", type=Path, default=target / "bench-mask", help="where tables and outputs are written")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all that was measured to FILE")
    options = parser.parse_args()
    if options.scale == 1 or (options.scale and options.duckdb_only):
        parser.error("--scale needs saltlake, and a factor of 2 or more")
    return options


def positive(text):
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


# ------------------------------------------------------------------------------------------------- the benchmark


def benchmark(options):
    folder = options.dir.absolute()
    (folder / "spill").mkdir(parents=True, exist_ok=True)
    load = os.getloadavg()[0]
    if load > BUSY_LOAD:
        say(f"the machine is busy (load {load:.1f}): these numbers will not be worth much")
    bench = Bench(options, folder, prepare_python())
    if not options.duckdb_only and not os.access(bench.program, os.X_OK):
        raise Failed(f"{bench.program} is missing\nrun: cargo build --release, or name the program by --saltlake")
    report = {
        "machine": {**bench.machine(), "load_before": round(load, 2)},
        "rows": options.rows,
        "zstd_level": options.zstd_level,
        "threads": options.threads,
    }
    report["runs"] = bench.runs(options.rows, ["duckdb"] if options.duckdb_only else ["saltlake", "duckdb"])
    report["source_bytes"] = bench.source(options.rows).stat().st_size
    if options.scale:
        rows = options.rows * options.scale
        report["scale"] = {"rows": rows, "runs": bench.runs(rows, ["saltlake"])}
    return report


def prepare_python():
    """The interpreter of the environment that the tests use too; there DuckDB is pinned."""
    say("preparing DuckDB")
    done = subprocess.run([REPOSITORY / "scripts/test-services"], stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise Failed("scripts/test-services failed; its messages are above")
    return Path(done.stdout.strip()) / "bin/python"


class Bench:
    def __init__(self, options, folder, python):
        self.options = options
        self.folder = folder
        self.python = python
        self.program = options.saltlake.absolute()
        self.duckdb_version = self.version_of(self.python, "-c", "import duckdb; print(duckdb.__version__)")

    def source(self, rows):
        return self.lake(rows) / "raw" / "bench" / "bench.parquet"

    def lake(self, rows):
        return self.folder / f"rows-{rows}"

    def runs(self, rows, programs):
        self.make_source(rows)
        self.write_settings(rows)
        # What a run that failed has left for inspection.
        self.remove_outputs(rows)
        measured = []
        for number in range(self.options.runs):
            # Each goes first in turn, so that a machine that warms up favours neither.
            order = programs if number % 2 == 0 else programs[::-1]
            run, outputs = {}, {}
            for program in order:
                say(f"run {number + 1} of {self.options.runs}, {rows} rows: {program}")
                run[program], outputs[program] = getattr(self, program)(rows)
            say("comparing the outputs")
            self.compare(rows, outputs)
            self.remove_outputs(rows)
            measured.append(run)
        return measured

    def make_source(self, rows):
        """Kept from run to run, as long as the same recipe would make it; a half-written one is never taken."""
        source, mark = self.source(rows), self.lake(rows) / "made-by.txt"
        half = self.lake(rows) / "unfinished.parquet"
        request = {"what": "make", "rows": rows, "output": str(half), "zstd_level": self.options.zstd_level}
        ingredients = f"{json.dumps(request)}\n{self.duckdb_version}\n{WORKER.read_text()}"
        recipe = hashlib.sha256(ingredients.encode()).hexdigest()
        if source.exists() and mark.exists() and mark.read_text() == recipe:
            return
        say(f"making a table of {rows} rows")
        source.parent.mkdir(parents=True, exist_ok=True)
        mark.unlink(missing_ok=True)
        columns = self.ask_duckdb(request)["answer"]["columns"]
        if columns != len(MASKED) + len(KEPT):
            raise Failed(f"the table has {columns} columns, the settings name {len(MASKED) + len(KEPT)}")
        half.rename(source)
        mark.write_text(recipe)

    def write_settings(self, rows):
        lake = self.lake(rows)
        lake.joinpath("bench.key").write_text(base64.b64encode(KEY.encode()).decode() + "\n")
        lake.joinpath("bench.key").chmod(0o600)
        lake.joinpath("findings.json").write_text(json.dumps(finding(), indent=2) + "\n")
        lines = [
            "[lake]",
            'location = "raw"',
            'known_as = ["s3://bench-lake/"]',
            "[findings]",
            'sources = ["findings.json"]',
            "[keys.default]",
            'secret = "file:bench.key"',
            "[masked]",
            'location = "masked"',
            f"zstd_level = {self.options.zstd_level}",
            *([f"[engine]\nthreads = {self.options.threads}"] if self.options.threads else []),
            "[columns.bench]",
            *(f'{column} = "salt_hash"' for column in MASKED),
            *(f'{column} = "keep"' for column in KEPT),
        ]
        lake.joinpath("saltlake.toml").write_text("\n".join(lines) + "\n")

    def saltlake(self, rows):
        """`saltlake mask` whole, and its steps as its receipt tells them."""
        lake = self.lake(rows)
        self.start_alike(rows)
        usage = self.measure([self.program, "mask"], lake, lake / "saltlake.out")
        receipts = list((lake / "masked/_saltlake/receipts").glob("*.json"))
        if len(receipts) != 1:
            raise Failed(f"expected one receipt in {lake}/masked/_saltlake/receipts, found {len(receipts)}")
        receipt = json.loads(receipts[0].read_text())
        files = parquet_files(lake / "masked/bench")
        if not files:
            raise Failed(f"no Parquet file in {lake}/masked/bench, where readers look")
        try:
            table = receipt["tables"]["bench"]
            masking, verifying = table["masking"], table["verifying"]
            steps = {
                # An older receipt knows the whole process' peak only, which is never less.
                "step": {
                    "wall_seconds": masking["wall_seconds"],
                    "cpu_seconds": masking["cpu_seconds"],
                    "peak_bytes": masking.get("peak_memory_bytes", usage["peak_bytes"]),
                },
                "step_has_own_peak": "peak_memory_bytes" in masking,
                "verifying": {name: verifying[name] for name in ("wall_seconds", "cpu_seconds")},
                "receipt_peak_bytes": receipt["peak_memory_bytes"],
                "receipt_table_bytes": table["bytes"],
                "way": table["way"],
            }
        except (KeyError, TypeError) as error:
            raise Failed(f"the receipt {receipts[0]} has no {error}") from error
        return {"process": usage, **steps, "output_bytes": total_bytes(files)}, files

    def duckdb(self, rows):
        """DuckDB's COPY, and the process around it."""
        output = self.lake(rows) / "duckdb.parquet"
        self.start_alike(rows)
        request = {"what": "mask", **self.task(rows), "output": str(output), "zstd_level": self.options.zstd_level}
        done = self.ask_duckdb(request)
        # A library's peak cannot be told from its process'; Python's own share is small beside it.
        step = {**done["answer"], "peak_bytes": done["usage"]["peak_bytes"]}
        return {"process": done["usage"], "step": step, "output_bytes": output.stat().st_size}, [str(output)]

    def start_alike(self, rows):
        """Earlier outputs are on the disk, the source is in the page cache."""
        os.sync()
        with self.source(rows).open("rb", buffering=0) as file:
            while file.read(MIB):
                pass

    def compare(self, rows, outputs):
        request = {"what": "compare", **self.task(rows), "outputs": outputs}
        differences = self.ask_duckdb(request)["answer"]["differences"]
        if differences:
            raise Failed("\n  ".join(["the outputs do not agree; they are kept:", *differences, str(self.lake(rows))]))

    def task(self, rows):
        return {"source": str(self.source(rows)), "masked": MASKED, "key": KEY}

    def remove_outputs(self, rows):
        shutil.rmtree(self.lake(rows) / "masked", ignore_errors=True)
        self.lake(rows).joinpath("duckdb.parquet").unlink(missing_ok=True)

    def ask_duckdb(self, request):
        settings = {"threads": self.options.threads} if self.options.threads else {}
        request = {**request, "settings": settings, "spill": str(self.folder / "spill")}
        output = self.folder / "duckdb.out"
        usage = self.measure([self.python, WORKER, json.dumps(request)], self.folder, output)
        return {"usage": usage, "answer": json.loads(output.read_text())}

    def measure(self, command, folder, output):
        """Runs a program to its end; what it says goes to a file, since a full pipe would stop it."""
        messages = output.with_suffix(".err")
        with output.open("wb") as stdout, messages.open("wb") as stderr:
            started = time.perf_counter()
            child = subprocess.Popen(
                command, cwd=folder, env=clean_environment(), stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr
            )
            try:
                _, status, usage = os.wait4(child.pid, 0)
            except BaseException:
                with contextlib.suppress(ProcessLookupError):
                    child.kill()
                child.wait()
                raise
            wall = time.perf_counter() - started
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            said = messages.read_text(errors="replace").strip()[-4000:]
            raise Failed(f"{Path(command[0]).name} ended with code {child.returncode}:\n{said}")
        return {
            "wall_seconds": wall,
            "cpu_seconds": usage.ru_utime + usage.ru_stime,
            # Bytes on macOS, KiB elsewhere.
            "peak_bytes": usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
        }

    def machine(self):
        program = "saltlake left out" if self.options.duckdb_only else self.version_of(self.program, "--version")
        return {
            "processor": processor(),
            "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
            "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
            "system": f"{platform.system()} {platform.release()} {platform.machine()}",
            "saltlake": program,
            # Cargo's folder tells; the program itself does not.
            "debug_build": "debug" in self.program.parts,
            "duckdb": self.duckdb_version,
        }

    @staticmethod
    def version_of(*command):
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=clean_environment())
        if done.returncode:
            raise Failed(f"{command[0]} ended with code {done.returncode}")
        return done.stdout.strip()


def finding():
    """What Macie would report: four of its own identifiers and a custom one for `mail`."""

    def detection(column, **identifier):
        records = [{"recordIndex": 0, "jsonPath": f"$.{column}"}]
        return {**identifier, "count": 1000, "occurrences": {"records": records}}

    personal = [detection("name", type="NAME"), detection("phone", type="PHONE_NUMBER")]
    financial = [detection("iban", type="BANK_ACCOUNT_NUMBER"), detection("card_number", type="CREDIT_CARD_NUMBER")]
    custom = [detection("mail", arn="5b1e5c1e-0000-4000-8000-000000000001", name="mail address")]
    return {
        "schemaVersion": "1.0",
        "id": "5b1e5c1e000040008000000000000002",
        "type": "SensitiveData:S3Object/Multiple",
        "category": "CLASSIFICATION",
        "createdAt": "2026-01-01T00:00:00Z",
        "updatedAt": "2026-01-01T00:00:00Z",
        "count": 1,
        "archived": False,
        "sample": False,
        "resourcesAffected": {
            "s3Bucket": {"name": "bench-lake"},
            "s3Object": {"key": "bench/bench.parquet", "extension": "parquet"},
        },
        "classificationDetails": {
            "result": {
                "status": {"code": "COMPLETE"},
                "mimeType": "application/parquet",
                "sensitiveData": [
                    {"category": "PERSONAL_INFORMATION", "totalCount": 2000, "detections": personal},
                    {"category": "FINANCIAL_INFORMATION", "totalCount": 2000, "detections": financial},
                ],
                "customDataIdentifiers": {"totalCount": 1000, "detections": custom},
            }
        },
    }


def clean_environment():
    """Without variables that are settings: both programs run as the benchmark says."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("SALTLAKE_", "AWS_"))}


def parquet_files(folder):
    """What a reader of the folder finds. `os.walk`, since the folder may be a link to the current version."""
    found = []
    for place, folders, names in os.walk(folder, followlinks=True):
        folders[:] = [name for name in folders if not name.startswith(("_", "."))]
        found += [str(Path(place, name)) for name in names if name.endswith(".parquet") and name[0] not in "_."]
    return sorted(found)


def total_bytes(files):
    return sum(os.stat(file).st_size for file in files)


def processor():
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or "unknown"


def say(text):
    print(f"mask.py: {text}", file=sys.stderr, flush=True)


# ---------------------------------------------------------------------------------------------------- the report


def markdown(report):
    lines = [*facts(report), ""]
    if "saltlake" in report["runs"][0]:
        lines += [*step_table(report["runs"]), "", *apart_table(report["runs"]), "", *targets(report)]
        if "scale" in report:
            lines += ["", *scale_table(report)]
    else:
        lines += duckdb_table(report["runs"])
    return "\n".join(lines)


def facts(report):
    machine = report["machine"]
    threads = report["threads"] or "default"
    doubts = []
    if machine["load_before"] > BUSY_LOAD:
        doubts.append("- NOT TO BE QUOTED: the machine was busy")
    if machine["debug_build"]:
        doubts.append("- NOT TO BE QUOTED: saltlake is a debug build")
    return [
        f"{report['rows']:,} rows × {len(MASKED) + len(KEPT)} columns, {len(MASKED)} masked; one Parquet file of "
        f"{report['source_bytes'] / 1e6:.0f} MB; zstd level {report['zstd_level']}; {len(report['runs'])} runs, "
        "best / median.",
        "",
        f"- Machine: {machine['processor']}, {machine['cores']} cores, {machine['memory_bytes'] / 2**30:.0f} GiB; "
        f"{machine['system']}; load before {machine['load_before']}; threads {threads}",
        f"- Versions: {machine['saltlake']}; DuckDB {machine['duckdb']}",
        *doubts,
    ]


def seconds(value):
    return f"{value:.2f}"


def mebibytes(value):
    return f"{value / MIB:.0f}"


def megabytes(value):
    return f"{value / 1e6:.1f}"


# Name, path in a run, how to print it.
MEASURES = [
    ("CPU seconds", ("step", "cpu_seconds"), seconds),
    ("wall seconds", ("step", "wall_seconds"), seconds),
    ("peak memory, MiB", ("step", "peak_bytes"), mebibytes),
    ("output, MB", ("output_bytes",), megabytes),
]


def step_table(runs):
    way = ", ".join(sorted({str(run["saltlake"]["way"]) for run in runs}))
    lines = [f"| | saltlake, masking ({way}) | DuckDB, COPY | saltlake / DuckDB |", "|---|---:|---:|---:|"]
    for name, path, shown in MEASURES:
        ours, theirs = values(runs, "saltlake", *path), values(runs, "duckdb", *path)
        cells = [name, best_median(ours, shown), best_median(theirs, shown), f"{ratio(ours, theirs):.2f}"]
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", "The ratio is that of the medians."]
    if not has_own_peak(runs):
        lines[-1] += " The receipt has no peak of the masking step: the whole process' peak stands for it."
    return lines


def apart_table(runs):
    lines = ["| apart | wall seconds | CPU seconds | peak memory, MiB |", "|---|---:|---:|---:|"]
    for name, program, part in [
        ("saltlake, masking", "saltlake", "step"),
        ("saltlake, verifying", "saltlake", "verifying"),
        ("saltlake, whole process", "saltlake", "process"),
        ("DuckDB, whole process", "duckdb", "process"),
    ]:
        wall = best_median(values(runs, program, part, "wall_seconds"), seconds)
        cpu = best_median(values(runs, program, part, "cpu_seconds"), seconds)
        peak = "" if part == "verifying" else peaks(values(runs, program, part, "peak_bytes"))
        lines.append(f"| {name} | {wall} | {cpu} | {peak} |")
    return lines


def targets(report):
    runs = report["runs"]
    lines = ["| to reach, masking step | limit | measured | |", "|---|---:|---:|---|"]
    for name, measure in [("CPU seconds", "cpu_seconds"), ("wall seconds", "wall_seconds")]:
        measured = ratio(values(runs, "saltlake", "step", measure), values(runs, "duckdb", "step", measure))
        lines.append(target(f"{name}, share of DuckDB's", SHARE_OF_DUCKDB_MAX, measured, "{:.2f}"))
    peak = max(values(runs, "saltlake", "step", "peak_bytes"))
    lines.append(target("peak memory, MiB", PEAK_BYTES_MAX / MIB, peak / MIB, "{:.0f}"))
    if "scale" in report:
        more = max(values(report["scale"]["runs"], "saltlake", "step", "peak_bytes"))
        name = f"peak memory, MiB, {report['scale']['rows']:,} rows"
        lines.append(target(name, PEAK_BYTES_MAX / MIB, more / MIB, "{:.0f}"))
        growth = ratio(
            values(report["scale"]["runs"], "saltlake", "step", "peak_bytes"),
            values(runs, "saltlake", "step", "peak_bytes"),
        )
        lines.append(target(f"peak memory, times that of {report['rows']:,} rows", GROWTH_MAX, growth, "{:.2f}"))
    return lines


def target(name, limit, measured, shape):
    verdict = "reached" if measured <= limit else "MISSED"
    return f"| {name} | ≤ {shape.format(limit)} | {shape.format(measured)} | {verdict} |"


def scale_table(report):
    lines = ["| rows | masking, peak MiB | whole process, peak MiB | masking, wall s | CPU s | output, MB |"]
    lines.append("|---:|---:|---:|---:|---:|---:|")
    for rows, runs in [(report["rows"], report["runs"]), (report["scale"]["rows"], report["scale"]["runs"])]:
        cells = [
            f"{rows:,}",
            peaks(values(runs, "saltlake", "step", "peak_bytes")),
            peaks(values(runs, "saltlake", "process", "peak_bytes")),
            best_median(values(runs, "saltlake", "step", "wall_seconds"), seconds),
            best_median(values(runs, "saltlake", "step", "cpu_seconds"), seconds),
            best_median(values(runs, "saltlake", "output_bytes"), megabytes),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def duckdb_table(runs):
    lines = ["| | DuckDB, COPY |", "|---|---:|"]
    for name, path, shown in MEASURES:
        lines.append(f"| {name} | {best_median(values(runs, 'duckdb', *path), shown)} |")
    return lines


def values(runs, program, *path):
    found = []
    for run in runs:
        value = run[program]
        for step in path:
            value = value[step]
        found.append(value)
    return found


def has_own_peak(runs):
    return all(run["saltlake"]["step_has_own_peak"] for run in runs)


def best_median(numbers, shown):
    return f"{shown(min(numbers))} / {shown(statistics.median(numbers))}"


def peaks(numbers):
    return best_median(numbers, mebibytes)


def ratio(ours, theirs):
    return statistics.median(ours) / statistics.median(theirs)


if __name__ == "__main__":
    main()
