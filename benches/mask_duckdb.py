"""DuckDB's part of the benchmark: makes the table, masks it in its own way, compares the outputs.

`mask.py` runs each request in a process of its own, in an environment that has DuckDB. One JSON request comes as the
argument, one JSON answer goes to stdout.
"""

import hashlib
import json
import resource
import sys
import time

import duckdb

# Values depend on the row's number alone, so the table is the same on every machine that has this DuckDB. `hash` of two
# values leaves their low bits alike; hashed again they are as good as random.
HELPERS = """
CREATE TEMP MACRO chance(i, purpose, below) AS (hash(hash(i, purpose)) % below)::BIGINT;
CREATE TEMP MACRO pick(i, purpose, list) AS list[1 + chance(i, purpose, len(list))];
CREATE TEMP MACRO digits(i, purpose, count) AS lpad(chance(i, purpose, pow(10, count)::BIGINT)::VARCHAR, count, '0');
CREATE TEMP MACRO first_name(i) AS pick(i, 'first name', [
    'Ada', 'Alan', 'Anna', 'Ben', 'Chloé', 'Clara', 'David', 'Elif', 'Emma', 'Finn', 'Grace', 'Hugo', 'Ines', 'Jan',
    'Jonas', 'Kim', 'Lea', 'Lukas', 'Maria', 'Mehmet', 'Nora', 'Oskar', 'Paul', 'Sofía', 'Tom', 'Zoë']);
CREATE TEMP MACRO last_name(i) AS pick(i, 'last name 1', [
    'Al', 'Berg', 'Brand', 'Falk', 'Gold', 'Hart', 'Klein', 'Lind', 'Mor', 'Nord', 'Rosen', 'Sand', 'Stein', 'Wald'])
    || pick(i, 'last name 2', ['a', 'e', 'en', 'er', 'i', 'o', 's', ''])
    || pick(i, 'last name 3', [
    'bach', 'baum', 'dal', 'feld', 'ford', 'gren', 'hof', 'land', 'mann', 'meyer', 'ner', 'ski', 'son', 'wood']);
"""

COLUMNS = {
    "id": "i",
    "customer_id": "chance(i, 'customer', 2000000)::INTEGER",
    "name": "first_name(i) || ' ' || chr(65 + chance(i, 'initial', 26)::INTEGER) || '. ' || last_name(i)",
    "mail": "lower(last_name(i)) || '.' || i || '@'"
    " || pick(i, 'mail', ['example.com', 'example.net', 'example.org', 'mail.example'])",
    "phone": "CASE WHEN chance(i, 'no phone', 20) > 0 THEN '+49 ' || digits(i, 'phone', 10) END",
    "iban": "'DE' || digits(i, 'iban check', 2) || digits(i, 'iban', 18)",
    "card_number": "'4' || digits(i, 'card', 15)",
    "gender": "pick(i, 'gender', ['female', 'male', 'female', 'male', 'female', 'male', 'other'])",
    "country": "pick(i, 'country', ['AT', 'BE', 'CH', 'CZ', 'DE', 'DE', 'DK', 'ES', 'FR', 'GB', 'IT', 'NL', 'PL'])",
    "status": "pick(i, 'status', ['new', 'active', 'active', 'active', 'paused', 'closed'])",
    "birthdate": "DATE '1940-01-01' + chance(i, 'birth', 25000)::INTEGER",
    "signed_up": "TIMESTAMP '2012-01-01' + to_seconds(2 * i)",
    "last_seen": "TIMESTAMP '2024-01-01' + to_microseconds(chance(i, 'seen', 31536000000000))",
    "balance": "(chance(i, 'balance', 100000000)::DECIMAL(12, 2) / 100)::DECIMAL(12, 2)",
    "credit_limit": "(chance(i, 'limit', 40) * 250)::DECIMAL(18, 4)",
    "score": "chance(i, 'score', 9007199254740992)::DOUBLE / 9007199254740992",
    "latitude": "47 + chance(i, 'latitude', 8000000)::DOUBLE / 1000000",
    "visits": "chance(i, 'visits', 500)::INTEGER",
    "active": "chance(i, 'active', 4) > 0",
    "reference": "printf('%016x%016x', hash(hash(i, 'reference 1')), hash(hash(i, 'reference 2')))",
}

SAMPLED_ROWS = 2000


def main():
    request = json.loads(sys.argv[1])
    connection = duckdb.connect()
    for name, value in request.get("settings", {}).items():
        connection.execute(f"SET {name} = {quoted(value)}")
    connection.execute(f"SET temp_directory = {quoted(request['spill'])}")
    answer = {"make": make, "mask": mask, "compare": compare}[request["what"]](connection, request)
    json.dump(answer, sys.stdout)


def make(connection, request):
    """Writes the table as one Parquet file, in row groups of DuckDB's default size."""
    connection.execute(HELPERS)
    columns = ", ".join(f"{expression} AS {name}" for name, expression in COLUMNS.items())
    select = f"SELECT {columns} FROM range({int(request['rows'])}) AS numbers(i)"
    copy(connection, select, request["output"], request["zstd_level"])
    return {"columns": len(COLUMNS)}


def mask(connection, request):
    """Masks the columns as saltlake does; measures the statement alone, without the start of Python and DuckDB."""
    key = quoted(request["key"])
    columns = ", ".join(
        f"sha256({name} || {key}) AS {name}" if name in request["masked"] else name for name in COLUMNS
    )
    select = f"SELECT {columns} FROM read_parquet({quoted(request['source'])})"
    started, used = time.perf_counter(), cpu_seconds()
    copy(connection, select, request["output"], request["zstd_level"])
    return {"wall_seconds": time.perf_counter() - started, "cpu_seconds": cpu_seconds() - used}


def compare(connection, request):
    """Answers with the differences found, none if the outputs agree.

    Each output is compared with the source by hashlib on a sample of rows, and the outputs with each other whole.
    """
    outputs = request["outputs"]
    found = []
    for name, files in outputs.items():
        found += against_source(connection, request, name, files)
        found += codecs(connection, name, files)
    if len(outputs) == 2 and not found:
        found = against_each_other(connection, request["masked"], outputs)
    return {"differences": found}


def against_source(connection, request, name, files):
    source = table([request["source"]])
    rows = connection.execute(f"SELECT count(*) FROM {source}").fetchone()[0]
    written = connection.execute(f"SELECT count(*) FROM {table(files)}").fetchone()[0]
    if rows != written:
        return [f"{name} wrote {written} rows of {rows}"]
    shape = connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
    if connection.execute(f"DESCRIBE SELECT * FROM {table(files)}").fetchall() != shape:
        return [f"{name} wrote other columns or types"]
    sample = f"WHERE id % {max(1, rows // SAMPLED_ROWS)} = 0 ORDER BY id"
    key = request["key"].encode()
    positions = [list(COLUMNS).index(column) for column in request["masked"]]
    expected = []
    for row in connection.execute(f"SELECT * FROM {source} {sample}").fetchall():
        row = list(row)
        for position in positions:
            if row[position] is not None:
                row[position] = hashlib.sha256(row[position].encode() + key).hexdigest()
        expected.append(tuple(row))
    if connection.execute(f"SELECT * FROM {table(files)} {sample}").fetchall() != expected:
        return [f"{name} differs from hashlib in a sample of {len(expected)} rows"]
    return []


def codecs(connection, name, files):
    used = connection.execute(f"SELECT DISTINCT compression FROM parquet_metadata({listed(files)})").fetchall()
    return [] if used == [("ZSTD",)] else [f"{name} did not compress every column with zstd"]


def against_each_other(connection, masked, outputs):
    left, right = outputs
    checks = {
        "whole rows": ("ALL", f"id, hash({', '.join(COLUMNS)})"),
        **{f"the tokens of `{column}`": ("", column) for column in masked[:2]},
    }
    found = []
    for what, (every, columns) in checks.items():
        for one, other in [(left, right), (right, left)]:
            ours, theirs = (f"SELECT {columns} FROM {table(outputs[name])}" for name in (one, other))
            count = connection.execute(f"SELECT count(*) FROM ({ours} EXCEPT {every} {theirs})").fetchone()[0]
            if count:
                found.append(f"{what}: {count} of {one} are not in {other}")
    return found


def copy(connection, select, output, zstd_level):
    options = f"FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL {int(zstd_level)}"
    connection.execute(f"COPY ({select}) TO {quoted(output)} ({options})")


def table(files):
    return f"read_parquet({listed(files)}, hive_partitioning = false)"


def listed(files):
    return "[" + ", ".join(map(quoted, files)) + "]"


def quoted(text):
    return "'" + str(text).replace("'", "''") + "'"


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
