with planned as (
    select * from {{ source('plan', 'versions') }}
),

cast_columns as (
    select
        {{- cast_family('plan_versions') }}
    from planned
)

select * from cast_columns
