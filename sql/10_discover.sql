-- Stage 1, discover: where personal data is.
-- In:  saltlake.findings
-- Out: result sets; nothing is written

-- The columns in which something was found, and what it was.
SELECT
    table_name,
    column_name,
    identifier,
    max(count) AS at_most
FROM saltlake.findings
WHERE status = 'located'
GROUP BY table_name, column_name, identifier
ORDER BY table_name, column_name, identifier;

-- What no mask can reach yet: findings about the lake that name none of its columns. A plan is refused while there are
-- any, unless settings accept them.
SELECT
    origin,
    finding_id,
    table_name,
    identifier,
    status
FROM saltlake.findings
WHERE status IN ('unlocated', 'unmapped')
ORDER BY origin, finding_id, identifier;

-- How many findings there are of each kind, those about other places than the lake included.
SELECT
    status,
    channel,
    category,
    count(*) AS detections,
    count(DISTINCT finding_id) AS findings
FROM saltlake.findings
GROUP BY status, channel, category
ORDER BY status, channel, category;
