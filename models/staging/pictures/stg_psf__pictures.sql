with landed as (
    select * from {{ source('raw', 'psf_pictures') }}
),

cast_columns as (
    select
        {{- cast_family('picture') }}
    from landed
)

select * from cast_columns
