with planned as (
    select * from {{ source('plan', 'cut_states') }}
),

cast_columns as (
    select
        {{- cast_family('cut_states') }}
    from planned
)

select * from cast_columns
