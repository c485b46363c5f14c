{{ judged(1) }}
