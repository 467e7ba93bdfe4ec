-- Stage 6, query: an analysis as one would write it for Amazon Athena. Run it with `saltlake run --role scientist`.
-- In:  dataset_masked.customer, dataset_masked.card
-- Out: result sets, and in the role's own location workspace.customer_card and workspace.by_domain

-- What an earlier run of this script has made goes first.
DROP VIEW IF EXISTS workspace.by_domain;

DROP TABLE IF EXISTS workspace.customer_card;

-- A table of its own, a folder for each provider.
CREATE TABLE workspace.customer_card
WITH (format = 'PARQUET', write_compression = 'ZSTD', partitioned_by = ARRAY['provider'])
AS SELECT
    c.id,
    c.mail,
    c.gender,
    k.cred_card_provider AS provider
FROM dataset_masked.customer AS c
JOIN dataset_masked.card AS k
    ON k.id = c.id;

SHOW PARTITIONS workspace.customer_card;

-- A view reads with the rights of whoever asks it.
CREATE OR REPLACE VIEW workspace.by_domain AS
SELECT
    regexp_extract(mail, '@(.+)$', 1) AS domain,
    provider,
    id
FROM workspace.customer_card
WHERE mail IS NOT NULL;

-- Masked mail addresses keep their domain, so they still group by it.
SELECT
    domain,
    count(*) AS customers,
    count_if(provider = 'Visa') AS with_visa,
    approx_distinct(provider) AS providers
FROM workspace.by_domain
GROUP BY domain
ORDER BY customers DESC, domain;

-- The largest group of each provider.
SELECT
    provider,
    domain,
    customers
FROM (
    SELECT
        provider,
        domain,
        count(*) AS customers,
        row_number() OVER (PARTITION BY provider ORDER BY count(*) DESC, domain) AS place
    FROM workspace.by_domain
    GROUP BY provider, domain
)
WHERE place = 1
ORDER BY provider;

-- What nobody said is a group of its own.
SELECT
    if(gender IS NULL, 'not said', gender) AS gender,
    count(*) AS customers,
    round(100.0 * count(*) / sum(count(*)) OVER (), 1) AS percent
FROM workspace.customer_card
GROUP BY gender
ORDER BY customers DESC;

-- One question, asked of two providers.
PREPARE customers_of FROM
SELECT count(*) AS customers FROM workspace.customer_card WHERE provider = ?;

EXECUTE customers_of USING 'Mastercard';

EXECUTE customers_of USING 'Discover';
