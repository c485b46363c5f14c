{#- Steps that number rows from 1 in the order of groups, of a row's number within its group, and of further keys; NULLs
    come last.  One window over everything would be the work of one thread: rows are numbered by group and block of the
    row's number, and each block's rows are counted before those of the next.  The last step is <of>_numbered.

    of      the step whose rows are numbered
    groups  columns, never NULL
    row     a whole number, e.g. of the line of a file
    then    columns that order the rows of one number; with these the order must be total
    name    the column that is added -#}
{%- macro numbered(of, groups, row, then, name) -%}
{{ of }}_in_blocks as (
    select
        *,
        coalesce(
            cast(floor({{ row }} / cast({{ var('number_block') | int }} as double)) as bigint), 9223372036854775807
        ) as block
    from {{ of }}
),

{{ of }}_of_blocks as (
    select {{ groups | join(', ') }}, block, count(*) as block_rows
    from {{ of }}_in_blocks
    group by {{ groups | join(', ') }}, block
),

{{ of }}_before_blocks as (
    select
        {{ groups | join(', ') }},
        block,
        coalesce(sum(block_rows) over (
            order by {{ groups | join(', ') }}, block rows between unbounded preceding and 1 preceding
        ), 0) as rows_before
    from {{ of }}_of_blocks
),

{{ of }}_ranked as (
    select
        *,
        row_number() over (
            partition by {{ groups | join(', ') }}, block
            order by {% for key in [row] + then %}{{ key }} nulls last{{ ', ' if not loop.last }}{% endfor %}
        ) as place_in_block
    from {{ of }}_in_blocks
),

{{ of }}_numbered as (
    select {{ of }}_ranked.*, cast(rows_before + place_in_block as bigint) as {{ name }}
    from {{ of }}_ranked
    inner join {{ of }}_before_blocks
        on {{ of }}_ranked.block = {{ of }}_before_blocks.block
        {%- for group in groups %}
        and {{ of }}_ranked.{{ group }} = {{ of }}_before_blocks.{{ group }}
        {%- endfor %}
)
{%- endmacro -%}
