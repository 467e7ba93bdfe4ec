//! Errors as messengers: an expression that fails on a hidden value, in every clause where it could run too early.

use super::catalogue;

catalogue! {
    // Casts, clause by clause.
    a_cast_in_where needs "SELECT count(*) FROM customer WHERE CAST(name AS INT) > 0" => "24";
    a_cast_beside_a_filter_of_its_own needs "SELECT count(*) FROM customer WHERE region <> 'XX' AND CAST(name AS INT) > 0" => "24";
    a_cast_or_a_wish needs "SELECT count(*) FROM customer WHERE id = 10 OR CAST(name AS INT) = 111" => "2";
    a_cast_under_not needs "SELECT count(*) FROM customer WHERE NOT (CAST(name AS INT) = 111)" => "23";
    a_cast_in_case needs "SELECT count(*) FROM customer WHERE CASE WHEN CAST(name AS INT) > 120 THEN true ELSE false END" => "13";
    a_cast_in_between needs "SELECT count(*) FROM customer WHERE CAST(name AS INT) BETWEEN 100 AND 110" => "5";
    a_cast_in_a_list needs "SELECT id FROM customer WHERE CAST(name AS INT) IN (111, 113)" => "100; 240";
    a_cast_in_the_list also "SELECT count(*) FROM customer WHERE 111 IN (CAST(name AS INT), id)" => "1";
    a_cast_that_is_null needs "SELECT count(*) FROM customer WHERE CAST(name AS INT) IS NULL" => "0";
    a_cast_in_select also "SELECT max(CAST(name AS INT)), min(CAST(name AS INT)) FROM customer" => "149|100";
    a_cast_in_having also "SELECT region FROM customer GROUP BY region HAVING max(CAST(name AS INT)) > 0" => "EU";
    a_cast_of_the_group_in_having needs "SELECT name, count(*) FROM customer GROUP BY name HAVING CAST(name AS INT) = 111" => "111|1";
    a_cast_in_group_by also "SELECT CAST(name AS INT) % 2 AS odd, count(*) FROM customer GROUP BY 1 ORDER BY 1" => "0|12; 1|12";
    a_cast_in_order_by also "SELECT id FROM customer ORDER BY CAST(name AS INT) DESC LIMIT 2" => "80; 150";
    a_cast_in_a_top_one also "SELECT id FROM customer ORDER BY CAST(name AS INT) LIMIT 1" => "10";
    a_cast_in_join_on also "SELECT count(*) FROM customer c JOIN orders o ON c.id = o.customer_id AND CAST(c.name AS INT) > o.id" => "27";
    a_cast_in_a_left_joins_on also "SELECT count(*) FROM customer c LEFT JOIN orders o ON c.id = o.customer_id AND CAST(c.name AS INT) > 0" => "48";
    a_cast_as_the_joins_key also "SELECT count(*) FROM customer c JOIN customer d ON CAST(c.name AS INT) = CAST(d.name AS INT)" => "24";
    a_cast_in_a_semi_join needs "SELECT count(*) FROM orders WHERE customer_id IN (SELECT id FROM customer WHERE CAST(name AS INT) > 120)" => same;
    a_cast_in_exists needs "SELECT count(*) FROM orders o WHERE EXISTS (SELECT 1 FROM customer c WHERE c.id = o.customer_id AND CAST(c.name AS INT) > 120)" => same;
    a_cast_in_not_exists needs "SELECT count(*) FROM orders o WHERE NOT EXISTS (SELECT 1 FROM customer c WHERE c.id = o.customer_id AND CAST(c.name AS INT) > 120)" => same;
    a_cast_in_a_scalar_subquery needs "SELECT (SELECT max(id) FROM customer WHERE CAST(name AS INT) < 105)" => "230";
    a_cast_in_a_correlated_subquery needs "SELECT o.id, (SELECT max(CAST(c.name AS INT)) FROM customer c WHERE c.id = o.customer_id AND CAST(c.name AS INT) > 0) AS n FROM orders o WHERE o.id <= 3 ORDER BY o.id" => "1|142; 2|141; 3|140";
    a_cast_in_lateral needs "SELECT count(*) FROM orders o CROSS JOIN LATERAL (SELECT c.id FROM customer c WHERE c.id = o.customer_id AND CAST(c.name AS INT) > 0) AS l" => same;
    a_cast_in_any_of_a_subquery needs "SELECT count(*) FROM orders WHERE id NOT IN (SELECT id FROM customer WHERE CAST(name AS INT) > 0)" => "36";
    a_cast_in_a_cte needs "WITH n AS (SELECT CAST(name AS INT) AS number FROM customer) SELECT count(*) FROM n WHERE number > 120" => "13";
    a_cast_in_a_cte_used_twice needs "WITH n AS (SELECT id, CAST(name AS INT) AS number FROM customer) SELECT count(*) FROM n a JOIN n b ON a.id = b.id WHERE a.number > 120 AND b.number < 130" => same;
    a_cast_in_a_recursive_cte needs "WITH RECURSIVE r(n) AS (SELECT min(CAST(name AS INT)) FROM customer WHERE CAST(name AS INT) > 0 UNION ALL SELECT n + 1 FROM r WHERE n < 103) SELECT count(*) FROM r" => "4";
    a_cast_in_the_recursive_part needs "WITH RECURSIVE r(n) AS (SELECT CAST(100 AS BIGINT) UNION ALL SELECT r.n + 7 FROM r JOIN customer c ON r.n = CAST(c.name AS BIGINT) WHERE r.n < 120 AND CAST(c.name AS INT) > 0) SELECT max(n) FROM r" => "121";
    a_cast_in_union needs "SELECT count(*) FROM (SELECT id FROM customer WHERE CAST(name AS INT) > 120 UNION SELECT id FROM orders)" => same;
    a_cast_in_except needs "SELECT count(*) FROM (SELECT id FROM customer EXCEPT SELECT id FROM customer WHERE CAST(name AS INT) > 120)" => "11";
    a_cast_in_intersect needs "SELECT count(*) FROM (SELECT id FROM customer INTERSECT SELECT id FROM customer WHERE CAST(name AS INT) > 120)" => "13";
    a_cast_in_a_window also "SELECT id, rank() OVER (ORDER BY CAST(name AS INT)) AS place FROM customer ORDER BY place LIMIT 2" => "10|1; 230|2";
    a_cast_above_a_window also "SELECT count(*) FROM (SELECT name, row_number() OVER (PARTITION BY region ORDER BY id) AS n FROM customer) WHERE n > 3 AND CAST(name AS INT) > 0" => "21";
    a_cast_below_a_windows_partition needs "SELECT count(*) FROM (SELECT name, count(*) OVER (PARTITION BY name) AS n FROM customer) WHERE CAST(name AS INT) > 120" => "13";
    a_cast_in_a_windows_filter also "SELECT DISTINCT count(*) FILTER (WHERE CAST(name AS INT) > 120) OVER () FROM customer" => "13";
    a_cast_in_an_aggregates_filter also "SELECT count(*) FILTER (WHERE CAST(name AS INT) > 120) FROM customer" => "13";
    a_cast_in_qualify needs "SELECT id FROM customer WHERE CAST(name AS INT) > 147 QUALIFY row_number() OVER (ORDER BY id) = 1" => "80";
    a_cast_in_grouping_sets needs "SELECT region, active, count(*) FROM customer WHERE CAST(name AS INT) > 0 GROUP BY GROUPING SETS ((region), (active), ()) ORDER BY 1, 2, 3" => same;
    a_cast_in_rollup also "SELECT CAST(name AS INT) % 2, count(*) FROM customer GROUP BY ROLLUP (CAST(name AS INT) % 2) ORDER BY 1, 2" => "0|12; 1|12; ~|24";
    a_cast_in_distinct_on also "SELECT DISTINCT ON (CAST(name AS INT) % 2) id FROM customer ORDER BY CAST(name AS INT) % 2, id" => "10; 20";
    a_cast_under_limit needs "SELECT count(*) FROM (SELECT id FROM customer WHERE CAST(name AS INT) > 0 LIMIT 5)" => "5";
    a_cast_behind_offset needs "SELECT id FROM customer WHERE CAST(name AS INT) > 0 ORDER BY id OFFSET 22" => "230; 240";
    a_cast_of_a_view_in_a_view needs "SELECT count(*) FROM (SELECT * FROM (SELECT * FROM customer) AS a WHERE a.id > 0) AS b WHERE CAST(b.name AS INT) > 0" => "24";

    // Every type.
    a_cast_to_a_date also "SELECT count(*) FROM customer WHERE CAST(concat('20', right(name, 2), '-01-01') AS DATE) > DATE '2020-01-01'" => same;
    a_cast_to_a_timestamp also "SELECT count(*) FROM customer WHERE CAST(concat('2020-01-01 00:00:', left(right(name, 2), 1), '0') AS TIMESTAMP) IS NULL" => "0";
    a_cast_to_a_boolean also "SELECT count(*) FROM customer WHERE CAST(replace(name, name, 'true') AS BOOLEAN) AND CAST(CASE WHEN length(name) = 3 THEN 'yes' ELSE name END AS BOOLEAN)" => "24";
    a_cast_to_a_decimal also "SELECT count(*) FROM customer WHERE CAST(name AS DECIMAL(5, 1)) > 120" => "13";
    a_cast_to_a_double needs "SELECT count(*) FROM customer WHERE CAST(name AS DOUBLE) > 120" => "13";
    a_cast_to_a_small_number also "SELECT count(*) FROM customer WHERE CAST(id AS SMALLINT) > 0" => "24";
    a_cast_to_a_small_decimal also "SELECT count(*) FROM customer WHERE CAST(amount AS DECIMAL(6, 2)) > 1" => "23";
    a_cast_of_a_day_to_an_instant needs "SELECT count(*) FROM customer WHERE CAST(birthdate AS TIMESTAMP) > TIMESTAMP '1990-01-01'" => "13";
    a_cast_of_a_double_to_a_number needs "SELECT count(*) FROM customer WHERE CAST(score AS INT) > 3" => "20";
    an_arrow_cast also "SELECT count(*) FROM customer WHERE arrow_cast(name, 'Int16') > 120" => "13";
    a_cast_that_nobody_wrote needs "SELECT count(*) FROM customer WHERE name > 120" => same;
    a_comparison_of_text_and_day also "SELECT count(*) FROM customer WHERE birthdate > name" => same;
    an_addition_of_text_and_number also "SELECT count(*) FROM customer WHERE name + 1 > 120" => same;
    an_interval_from_a_text also "SELECT count(*) FROM customer WHERE CAST(concat(name, ' days') AS INTERVAL) IS NOT NULL" => "24";

    // Arithmetic and functions.
    a_division_by_a_hidden_zero needs "SELECT count(*) FROM customer WHERE 100 / id >= 5" => "2";
    a_modulo_by_a_hidden_zero needs "SELECT count(*) FROM customer WHERE 100 % id = 0" => "4";
    a_division_of_decimals needs "SELECT count(*) FROM customer WHERE 1 / amount > 1" => "1";
    a_division_by_a_difference also "SELECT count(*) FROM customer WHERE 1 / (char_length(name) - 13) < 1 AND 1 / (char_length(name) - 15) < 1" => "24";
    an_overflow_of_an_addition also "SELECT count(*) FROM customer WHERE id + 1 > 0" => "24";
    an_overflow_of_a_product also "SELECT count(*) FROM customer WHERE id * id > 10000" => "14";
    an_overflow_of_decimals needs "SELECT count(*) FROM customer WHERE amount * amount * amount * CAST(amount AS DECIMAL(30, 2)) >= 0" => "24";
    the_absolute_of_the_least_number also "SELECT count(*) FROM customer WHERE abs(id) > 100" => "14";
    the_negative_of_the_least_number also "SELECT count(*) FROM customer WHERE -id < -100" => "14";
    a_factorial also "SELECT count(*) FROM customer WHERE factorial(id / 12) > 0" => "24";
    a_power also "SELECT count(*) FROM customer WHERE power(id, 7) > 0" => "24";
    a_greatest_common_divisor also "SELECT count(*) FROM customer WHERE gcd(id, 30) = 30" => "8";
    a_least_common_multiple also "SELECT count(*) FROM customer WHERE lcm(id, 7) > 0" => "24";
    a_sum_that_overflows also "SELECT sum(id) FROM customer" => "3000";
    a_sum_of_decimals also "SELECT sum(amount) FROM customer" => "3033.48";
    an_average_of_not_a_number also "SELECT avg(score) > 1 FROM customer" => "true";
    a_date_made_of_a_column also "SELECT count(*) FROM customer WHERE make_date(2000 + CAST(id AS INT), 1, 1) > DATE '2100-01-01'" => "14";
    a_date_moved_by_a_column needs "SELECT count(*) FROM customer WHERE birthdate + INTERVAL '1' YEAR > DATE '1990-01-01'" => "14";
    a_day_of_a_far_date also "SELECT count(*) FROM customer WHERE date_part('year', birthdate) > 1989" => same;
    a_format_for_an_instant also "SELECT count(*) FROM customer WHERE to_timestamp(name, '%H%M') IS NOT NULL" => same;
    a_date_from_a_text also "SELECT count(*) FROM customer WHERE to_date(concat('20', right(name, 2)), '%Y') IS NULL" => same;
    an_instant_shown_in_a_format also "SELECT count(*) FROM customer WHERE to_char(seen, '%Y') >= '2023'" => "24";
    a_substring_of_negative_length also "SELECT count(*) FROM customer WHERE substr(name, 1, 4 - char_length(name)) <> ''" => "24";
    a_character_of_a_column also "SELECT count(*) FROM customer WHERE chr(id) <> ''" => "24";
    an_element_of_a_list also "SELECT count(*) FROM customer WHERE make_array(1, 2, 3)[id / 10] > 1" => "2";
    a_split_at_nothing also "SELECT count(*) FROM customer WHERE split_part('a,b', ',', id) = 'x'" => "0";
    a_repeat_of_a_columns_size also "SELECT count(*) FROM customer WHERE length(repeat('x', id)) > 100" => "14";
    a_padding_of_a_columns_size also "SELECT count(*) FROM customer WHERE length(lpad('x', id)) > 100" => "14";
    a_range_of_a_columns_size also "SELECT count(*) FROM customer WHERE array_length(range(0, id)) > 100" => "14";
    an_encoding_of_another_kind also "SELECT count(*) FROM customer WHERE decode(concat('0', name), 'hex') IS NOT NULL" => "24";
    a_digest_of_a_columns_choice also "SELECT count(*) FROM customer WHERE digest('x', CASE WHEN length(name) = 3 THEN 'md5' ELSE name END) IS NOT NULL" => same;
    a_pattern_from_a_column also "SELECT count(*) FROM customer WHERE regexp_like('121', name)" => "1";
    a_pattern_that_is_invalid also "SELECT count(*) FROM customer WHERE regexp_like('x', CASE WHEN length(name) = 3 THEN 'x' ELSE '[' END)" => "24";
    a_pattern_behind_a_cast needs "SELECT count(*) FROM customer WHERE regexp_replace(name, '[0-9]', '9', 'g') = '999' AND CAST(name AS INT) > 0" => "24";
    a_unit_from_a_column also "SELECT count(*) FROM customer WHERE date_trunc(CASE WHEN length(name) = 3 THEN 'day' ELSE name END, seen) IS NOT NULL" => same;
    a_base_of_a_logarithm also "SELECT count(*) FROM customer WHERE log(2, id) > 5" => "21";

    // Behind hidden cells.
    a_division_by_a_hidden_cell also "SELECT count(*) FROM customer WHERE 100 / NULLIF(balance, 0) > 1" => same;
    a_cast_of_a_hidden_cell also "SELECT count(*) FROM customer WHERE CAST(NULLIF(note, 'n/a') AS INT) >= 0" => "9";
    a_cast_in_the_select_of_a_hidden_cell also "SELECT sum(CAST(NULLIF(note, 'n/a') AS INT)) FROM customer" => same;
    the_absolute_of_a_hidden_cell also "SELECT count(*) FROM customer WHERE abs(balance) >= 0" => "11";
    a_division_by_a_hidden_total also "SELECT count(*) FROM orders WHERE CAST(100 AS DOUBLE) / total > 1" => same;
    a_cast_of_a_hidden_total also "SELECT count(*) FROM orders WHERE CAST(total AS INT) > 10" => "10";
    a_cast_of_a_hidden_zip needs "SELECT count(*) FROM customer WHERE CAST(home['zip'] AS INT) > 1000" => same;
    a_cast_of_hidden_tags also "SELECT count(*) FROM customer WHERE CAST(replace(array_to_string(tags, ''), 't', '1') AS INT) > 0" => same;
    a_mask_that_is_cast also "SELECT count(*) FROM customer WHERE CAST(substr(mail, 2, 1) AS INT) > 0" => "! 22018";
}
