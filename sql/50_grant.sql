-- Stage 5, grant: who may read what, and why. Run it with `saltlake run --role administrator`.
-- In:  saltlake.roles, saltlake.grants, saltlake.policies
-- Out: result sets; nothing is written

-- The roles, and what they may do besides reading.
SELECT
    role,
    full_access,
    keys,
    is_default
FROM saltlake.roles
ORDER BY role;

-- What each of them was granted.
SELECT
    principal,
    resource,
    permissions,
    gives_nothing_because
FROM saltlake.grants
ORDER BY principal, resource;

-- The policies that follow: how many columns of which table each role sees, and how many of them changed.
SELECT
    role,
    table_name,
    count(*) AS columns,
    count(mask) + count(cell_filter) AS changed,
    min(row_filter) AS row_filter
FROM saltlake.policies
WHERE role <> 'administrator'
GROUP BY role, table_name
ORDER BY role, table_name;

-- Who sees tokens of user names.
SELECT role
FROM saltlake.policies
WHERE table_name = 'dataset_masked.customer'
    AND column_name = 'username'
ORDER BY role;
