with landed as (
    select * from {{ source('raw', 'cutout_pictures') }}
),

cast_columns as (
    select
        {{- cast_family('picture') }}
    from landed
)

select * from cast_columns
