-- The split of every object in every scheme.
select * from {{ ref('int_splits') }}
