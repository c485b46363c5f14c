with landed as (
    select * from {{ source('raw', 'hsc_objects') }}
),

cast_columns as (
    select
        {{- cast_columns('object') }},
        cast(landing as bigint) as landing,
        cast(source_file as string) as source_file,
        cast(source_row as bigint) as source_row
    from landed
)

select * from cast_columns
