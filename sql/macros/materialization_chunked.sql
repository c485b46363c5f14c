{#- A table made in parts, so that memory holds a few bootstrap replicates at a time, never all.

    rows_of     the model whose rows each replicate draws
    memory_rows drawn rows that a part may have -#}
{%- materialization chunked, adapter='duckdb' -%}
    {%- set target = this.incorporate(type='table') -%}
    {%- set replicates = photoz_replicates() -%}
    
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {%- set rows_of = this.schema ~ '.' ~ config.require('rows_of') -%}
    {%- set drawn = run_query('select count(*) from ' ~ rows_of).rows[0][0] | int -%}
    {#- Of no rows one part says it all. -#}
    {%- set last = (replicates.split(' ') | last | int) if drawn else 0 -%}
    {%- set step = [1, [20, config.require('memory_rows') // [drawn, 1] | max] | min] | max -%}
    {%- for low in range(0, last + 1, step) %}
    {%- set part = sql | replace(replicates, 'replicate between ' ~ low ~ ' and ' ~ [low + step - 1, last] | min) -%}
    {% call statement('main') -%}
        {{ 'create or replace table ' ~ target ~ ' as' if loop.first else 'insert into ' ~ target }} {{ part }}
    {%- endcall %}
    {%- endfor %}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [target]}) }}
{%- endmaterialization -%}

{#- Spark and Sail spill, or spread the work: all replicates at once. -#}
{%- materialization chunked, adapter='spark' -%}
    {%- set target = this.incorporate(type='table') -%}
    {{ run_hooks(pre_hooks) }}
    {% call statement('main') -%}
        create table {{ target }} using parquet location {{ build_folder('.steps', this.identifier) }} as {{ sql }}
    {%- endcall %}
    {{ run_hooks(post_hooks) }}
    {{ return({'relations': [target]}) }}
{%- endmaterialization -%}
