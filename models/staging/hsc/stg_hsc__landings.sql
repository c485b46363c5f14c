with landed as (
    select * from {{ source('raw', 'landings') }}
),

cast_columns as (
    select
        {{- cast_family('landings') }}
    from landed
)

select * from cast_columns
