with landed as (
    select * from {{ source('raw', 'release_splits') }}
),

cast_columns as (
    select
        {{- cast_family('released') }}
    from landed
)

select * from cast_columns
