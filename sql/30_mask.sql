-- Stage 3, mask: the demo's tables, as `saltlake plan` proposes them.
-- Run it with `saltlake run --role administrator`.
-- In:  dataset.customer, dataset.card, dataset.bank
-- Out: dataset_masked.customer, dataset_masked.card, dataset_masked.bank

CREATE TABLE dataset_masked.customer
WITH (format = 'PARQUET', write_compression = 'ZSTD')
AS SELECT
    id,
    salt_hash(username) AS username,
    salt_hash(name) AS name,
    gender,
    mask_email(mail) AS mail,
    salt_hash(birthdate) AS birthdate
FROM dataset.customer;

CREATE TABLE dataset_masked.card
WITH (format = 'PARQUET', write_compression = 'ZSTD')
AS SELECT
    id,
    cred_card_provider,
    mask_partial(card_number, 0, 4) AS card_number,
    mask_redact(card_expiration) AS card_expiration,
    mask_redact(card_security_code) AS card_security_code
FROM dataset.card;

CREATE TABLE dataset_masked.bank
WITH (format = 'PARQUET', write_compression = 'ZSTD')
AS SELECT
    id,
    salt_hash(account_number) AS account_number,
    salt_hash(iban) AS iban,
    salt_hash(bban) AS bban
FROM dataset.bank;
