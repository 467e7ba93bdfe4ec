-- Stage 6, query: what can still be asked once nobody can be recognised. Run it with `saltlake run --role scientist`.
-- In:  dataset_masked.customer, dataset_masked.card, dataset_masked.bank
-- Out: result sets; nothing is written

-- No row was lost on the way.
SELECT 'customer' AS table_name, count(*) AS row_count FROM dataset_masked.customer
UNION ALL
SELECT 'card' AS table_name, count(*) AS row_count FROM dataset_masked.card
UNION ALL
SELECT 'bank' AS table_name, count(*) AS row_count FROM dataset_masked.bank
ORDER BY table_name;

-- A kept column groups as before.
SELECT
    gender,
    count(*) AS customers
FROM dataset_masked.customer
GROUP BY gender
ORDER BY gender NULLS LAST;

-- A masked column joins and counts as before: equal values have equal tokens, and NULL is still NULL.
SELECT
    count(username) AS user_names,
    count(DISTINCT username) AS distinct_user_names,
    count(*) - count(mail) AS without_mail
FROM dataset_masked.customer;

-- Customers who share a user name, found by its token.
SELECT
    a.id AS id,
    b.id AS other_id
FROM dataset_masked.customer AS a
JOIN dataset_masked.customer AS b
    ON a.username = b.username
    AND a.id < b.id
ORDER BY a.id, b.id
LIMIT 5;

-- Two masked tables, joined.
SELECT
    c.gender,
    k.cred_card_provider,
    count(*) AS cards
FROM dataset_masked.customer AS c
JOIN dataset_masked.card AS k
    ON k.id = c.id
GROUP BY c.gender, k.cred_card_provider
ORDER BY c.gender NULLS LAST, k.cred_card_provider;

-- All three of them.
SELECT
    c.id,
    c.mail,
    k.card_number,
    b.iban
FROM dataset_masked.customer AS c
JOIN dataset_masked.card AS k
    ON k.id = c.id
JOIN dataset_masked.bank AS b
    ON b.id = c.id
ORDER BY c.id
LIMIT 5;
