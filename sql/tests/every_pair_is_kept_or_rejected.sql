-- Offenders: versions in which kept rows and rejections do not add up to the landed pairs.
with rejected as (
    select version, count(*) as rejected from {{ ref('rejections') }} group by version
),

pairs as (
    select count(*) as total from {{ ref('int_pairs') }}
)

select versions.version, versions.rows_kept, rejected.rejected, pairs.total
from {{ ref('versions') }} as versions
cross join pairs
left join rejected on versions.version = rejected.version
where versions.built and versions.rows_kept + coalesce(rejected.rejected, 0) <> pairs.total
